// What the office view shows of a summary.

import type { Figures, Office } from './api';
import { degrees, minutes } from './words';

export type Measure = 'sitting_min' | 'slouched_pct' | 'breaks' | 'flexion_deg';

export interface Described {
  key: Measure;
  name: string; // of a column
  long: string; // of a chart
  words: (n: number) => string;
}

export const measures: Described[] = [
  { key: 'sitting_min', name: 'Sitting a day', long: 'Sitting, a person and day', words: minutes },
  { key: 'slouched_pct', name: 'Leaning or slouching', long: 'Share of judged time at 15° and more', words: (n) => `${n} %` },
  { key: 'breaks', name: 'Breaks a day', long: 'Breaks from sitting, a person and day', words: (n) => String(n) },
  { key: 'flexion_deg', name: 'Mean flexion', long: 'Mean forward flexion', words: degrees },
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

/** highest is the largest value of a measure in a week, for bars: 0 if there is none. */
export const highest = (o: Office, week: number, m: Measure) =>
  o.groups.reduce((top, g) => Math.max(top, g.weeks[week]?.[m] ?? 0), 0);

/** anything reports whether any week or day is published. */
export const anything = (o: Office) => [...o.office, ...o.days].some((w) => !w.suppressed);
