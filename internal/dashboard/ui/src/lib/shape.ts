// Makes of a day's columns what the charts draw. Positions are in minutes since
// the day's midnight, so that they do not depend on any machine's time zone; on
// days when clocks change the axis simply has 23 or 25 hours.

import type { Day, Episode, Posture, Totals } from './api';

export const slouchFrom = 15; // degrees; rule R1

export const states = ['sitting', 'standing', 'moving', 'not worn'] as const;

/** Piece is a share of a bin of the band: from x0 to x1, stacked from y0 to y1 of 0..1. */
export interface Piece {
  x0: number;
  x1: number;
  y0: number;
  y1: number;
  state: number; // index into states
}

const start = (day: Day) => Math.round(Date.parse(day.from) / 60000);

/** position of an instant on the axis. */
export const position = (day: Day, at: string | number) => (typeof at === 'number' ? at : Date.parse(at)) / 60000 - start(day);

/** band stacks the time of each bin of so many minutes by what was done in it. */
export function band(day: Day, size = 5): Piece[] {
  const bins = new Map<number, [number, number, number, number]>();
  const m = day.minutes;
  const zero = start(day);
  m.minute.forEach((minute, i) => {
    const at = Math.floor((minute - zero) / size);
    const bin = bins.get(at) ?? [0, 0, 0, 0];
    bin[0] += m.sitting_s[i] ?? 0;
    bin[1] += m.standing_s[i] ?? 0;
    bin[2] += m.moving_s[i] ?? 0;
    bin[3] += m.not_worn_s[i] ?? 0;
    bins.set(at, bin);
  });
  const pieces: Piece[] = [];
  for (const [at, bin] of [...bins].sort((a, b) => a[0] - b[0])) {
    const full = Math.max(size * 60, bin[0] + bin[1] + bin[2] + bin[3]);
    let y = 0;
    bin.forEach((s, state) => {
      if (s <= 0) return;
      pieces.push({ x0: at * size, x1: (at + 1) * size, y0: y / full, y1: (y + s) / full, state });
      y += s;
    });
  }
  return pieces;
}

/** flexion is the curve of minutes; null where it must break. A minute that stands
 *  alone, of which no line could be drawn, is as long as it was. */
export const flexion = (day: Day) => curve(day, day.minutes.flexion_deg);

/** load is the curve of the highest load of each minute, 0 to 1, drawn like flexion. */
export const load = (day: Day) => curve(day, day.minutes.load_peak);

function curve(day: Day, column: (number | null)[]): [number, number | null][] {
  const zero = start(day);
  const line: [number, number | null][] = [];
  let last = -1;
  day.minutes.minute.forEach((minute, i) => {
    const x = minute - zero;
    if (last >= 0 && x > last + 2) line.push([last + 1, null]);
    line.push([x + 0.5, column[i] ?? null]);
    last = x;
  });
  return line.flatMap(([x, deg], i): typeof line => {
    const alone = (line[i - 1]?.[1] ?? null) === null && (line[i + 1]?.[1] ?? null) === null;
    return deg !== null && alone ? [[x - 0.5, deg], [x + 0.5, deg]] : [[x, deg]];
  });
}

/** axis is the range of hours to show: those with data, and now if it is today. */
export function axis(day: Day, now: number): { min: number; max: number } {
  const length = (Date.parse(day.to) - Date.parse(day.from)) / 60000;
  const zero = start(day);
  const at = day.minutes.minute.map((m) => m - zero);
  const first = at[0];
  if (first === undefined) return { min: 8 * 60, max: 18 * 60 };
  let last = (at[at.length - 1] ?? first) + 1;
  if (day.today) last = Math.max(last, Math.min(position(day, now), length));
  let min = Math.floor(first / 60) * 60;
  let max = Math.min(length, Math.ceil((last + 5) / 60) * 60);
  if (max - min < 120) {
    max = Math.min(length, min + 120);
    min = Math.max(0, max - 120);
  }
  return { min, max };
}

/** Bar is an episode on the axis. */
export interface Bar {
  x0: number;
  x1: number;
  episode: Episode;
}

/** bars are the episodes of some rules; one that is still open reaches to now. */
export function bars(day: Day, rules: readonly Episode['rule'][], now: number): Bar[] {
  const end = (Date.parse(day.to) - Date.parse(day.from)) / 60000;
  // Of an open episode nothing is known behind the last reading.
  const last = day.minutes.minute.at(-1);
  const known = (e: Episode) =>
    Math.max(position(day, e.start) + e.seconds / 60, last === undefined ? 0 : last + 1 - start(day));
  return day.episodes
    .filter((e) => rules.includes(e.rule))
    .map((episode) => ({
      x0: Math.max(0, position(day, episode.start)),
      x1: Math.min(end, episode.end ? position(day, episode.end) : Math.min(position(day, now), known(episode))),
      episode,
    }))
    .filter((b) => b.x1 > b.x0);
}

/** Hour is a line of the table that says what the chart shows. */
export interface Hour {
  from: string; // an instant
  sitting: number; // minutes, as all of these
  standing: number;
  moving: number;
  notWorn: number;
  slouched: number;
  shifts: number; // how many
  load: number; // the highest, 0 to 1
  flexion: number | null; // mean, degrees
}

/** hours sums a day by the hour, leaving out hours without anything. */
export function hours(day: Day): Hour[] {
  const m = day.minutes;
  const zero = start(day);
  const sums = new Map<number, Hour & { weighted: number; judged: number }>();
  m.minute.forEach((minute, i) => {
    const at = Math.floor((minute - zero) / 60);
    const h = sums.get(at) ?? {
      from: new Date((zero + at * 60) * 60000).toISOString(),
      sitting: 0, standing: 0, moving: 0, notWorn: 0, slouched: 0, shifts: 0, load: 0, flexion: null, weighted: 0, judged: 0,
    };
    h.sitting += (m.sitting_s[i] ?? 0) / 60;
    h.standing += (m.standing_s[i] ?? 0) / 60;
    h.moving += (m.moving_s[i] ?? 0) / 60;
    h.notWorn += (m.not_worn_s[i] ?? 0) / 60;
    h.slouched += (m.slouched_s[i] ?? 0) / 60;
    h.shifts += m.shifts[i] ?? 0;
    h.load = Math.max(h.load, m.load_peak[i] ?? 0);
    const judged = (m.upright_s[i] ?? 0) + (m.slouched_s[i] ?? 0);
    h.judged += judged;
    h.weighted += judged * (m.flexion_deg[i] ?? 0);
    h.flexion = h.judged > 0 ? h.weighted / h.judged : null;
    sums.set(at, h);
  });
  return [...sums].sort((a, b) => a[0] - b[0]).map(([, { weighted: _w, judged: _j, ...hour }]) => hour);
}

/** at is what the day's columns say of a minute on the axis, if anything. */
export function minuteAt(day: Day, x: number): { state: string; flexion: number | null; load: number } | undefined {
  const i = day.minutes.minute.indexOf(start(day) + Math.floor(x));
  if (i < 0) return undefined;
  const m = day.minutes;
  const parts = [m.sitting_s[i] ?? 0, m.standing_s[i] ?? 0, m.moving_s[i] ?? 0, m.not_worn_s[i] ?? 0];
  const most = parts.indexOf(Math.max(...parts));
  return { state: states[most] ?? states[0], flexion: m.flexion_deg[i] ?? null, load: m.load_peak[i] ?? 0 };
}

/** Stance is the live posture in words, and how it should look. */
export interface Stance {
  words: string;
  tone: 'good' | 'slouched' | 'quiet';
}

/** stance says what a posture is. One sensor cannot tell a slouch from a lean. */
export function stance(p: Posture | undefined): Stance {
  if (!p) return { words: 'Waiting for a reading', tone: 'quiet' };
  if (!p.worn) return { words: 'Not worn', tone: 'quiet' };
  if (p.moving) return { words: 'Moving', tone: 'good' };
  if (!p.shown) return { words: 'Posture not known', tone: 'quiet' };
  const good = p.stale ? 'quiet' : 'good'; // a pose that is not trusted says nothing of this one
  if (p.flexion_deg >= slouchFrom) return { words: 'Leaning or slouching', tone: p.known ? 'slouched' : 'quiet' };
  if (p.flexion_deg < -10) return { words: 'Leaning back', tone: good };
  return { words: 'Upright', tone: good };
}

/** newestFirst orders what has a time, RFC 3339, for a list. */
export const newestFirst = <T>(list: T[], time: (entry: T) => string) => [...list].sort((a, b) => Date.parse(time(b)) - Date.parse(time(a)));

/** recorded is how much of a day there are readings of, in minutes. */
export const recorded = (t: Totals) => t.sitting_min + t.standing_min + t.moving_min + t.not_worn_min;

/** judged reports whether posture was judged for long enough, a minute, to say a mean of it. */
export const judged = (t: Totals) => t.upright_min + t.slouched_min >= 1;
