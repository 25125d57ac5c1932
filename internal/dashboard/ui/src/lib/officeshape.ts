// What the office view shows of a summary.

import type { Figures, HeatMap, Hour, Office } from './api';
import { clock, dateIn, degrees, longDate, minutes } from './words';

export type Measure = 'sitting_min' | 'slouched_pct' | 'breaks' | 'flexion_deg';

export interface Described {
  key: Measure;
  name: string; // of a column
  long: string; // of a chart
  words: (n: number) => string;
  full: number; // what fills a bar, so that bars of all weeks compare
}

export const measures: Described[] = [
  { key: 'sitting_min', name: 'Sitting a day', long: 'Sitting, a person and day', words: minutes, full: 720 },
  { key: 'slouched_pct', name: 'Leaning or slouching', long: 'Share of judged time at 15° and more', words: (n) => `${n} %`, full: 100 },
  { key: 'breaks', name: 'Breaks a day', long: 'Breaks from sitting, a person and day', words: (n) => String(n), full: 20 },
  { key: 'flexion_deg', name: 'Mean flexion', long: 'Mean forward flexion', words: degrees, full: 30 },
];

/** show is a figure in words, or a dash. */
export function show(f: Figures | undefined, m: Described): string {
  const v = f?.[m.key];
  return v === null || v === undefined ? '–' : m.words(v);
}

/** latest is the last week with figures, or the last one there is. */
export function latest(o: Office): number {
  for (let i = o.office.length - 1; i >= 0; i--) {
    if (!o.office[i]?.suppressed) return i;
  }
  return Math.max(0, o.office.length - 1);
}

/** part is how much of a bar a figure fills, 0 to 1. */
export const part = (f: Figures | undefined, m: Described) => Math.max(0, Math.min(1, (f?.[m.key] ?? 0) / m.full));

/** people is how many contributed, in words. */
export const people = (f: Figures | undefined, k: number) => (!f || f.suppressed ? `fewer than ${k}` : (f.contributors ?? '').replace('-', '–'));

/** anything reports whether any week or day is published. */
export const anything = (o: Office) => [...o.office, ...o.days].some((w) => !w.suppressed);

/** daysShown are the days from the first that is published. */
export function daysShown(o: Office): Office['days'] {
  const first = o.days.findIndex((d) => !d.suppressed);
  return first < 0 ? [] : o.days.slice(first);
}

/** madeAt says when the latest figures were made, in the organisation's zone. */
export function madeAt(o: Office): string {
  return o.made ? `${longDate(dateIn(new Date(o.made), o.zone))}, ${clock(o.made, o.zone)}` : '';
}

export const weekdays = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];

/** ofHours are the measures as they are of an hour. */
export const ofHours: Described[] = measures.map((m) => {
  switch (m.key) {
    case 'sitting_min':
      return { ...m, name: 'Sitting', long: 'Minutes of the hour spent sitting', full: 60 };
    case 'breaks':
      return { ...m, name: 'Breaks', long: 'Breaks from sitting in the hour', full: 3 };
    default:
      return m;
  }
});

/** hoursShown are the hours of the day from the first to the last of which anything is known. */
export function hoursShown(h: HeatMap): number[] {
  const known = Array.from({ length: 24 }, (_, hour) => hour).filter((hour) => h.hours.some((day) => (day[hour]?.months ?? 0) > 0));
  const first = known[0];
  const last = known.at(-1);
  return first === undefined || last === undefined ? [] : Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** hourSpan: 9 becomes "9 to 10". */
export const hourSpan = (hour: number) => `${hour} to ${hour + 1}`;

/** showHour is a figure of an hour in words, or a dash. */
export function showHour(h: Hour | undefined, m: Described): string {
  const v = h?.[m.key];
  return v === null || v === undefined ? '–' : m.words(v);
}

const month = (text: string, options: Intl.DateTimeFormatOptions) =>
  new Intl.DateTimeFormat('en-GB', { ...options, timeZone: 'UTC' }).format(new Date(`${text}-15T12:00:00Z`));

/** monthSpan: August to October 2026. */
export function monthSpan(from: string, to: string): string {
  const end = month(to, { month: 'long', year: 'numeric' });
  if (from === to) return end;
  return `${month(from, from.slice(0, 4) === to.slice(0, 4) ? { month: 'long' } : { month: 'long', year: 'numeric' })} to ${end}`;
}
