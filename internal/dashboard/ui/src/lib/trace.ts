// The last minute of flexion: what came live, and what was stored before it.

import type { Posture } from './api';

export const traceFor = 60_000; // ms of flexion that are kept

const storedEvery = 250; // ms between stored points that are taken: no closer than live ones

export interface Point {
  at: number; // ms since 1970, event time
  deg: number;
}

/** extend adds a live posture and lets go of what is older than a minute. */
export function extend(points: Point[], p: Posture): Point[] {
  const kept = points.filter((o) => o.at > p.time - traceFor && o.at < p.time);
  if (p.shown && p.worn) kept.push({ at: p.time, deg: p.flexion_deg });
  return kept;
}

/** stored reads the lines of an export of postures. Only what the wearable or a
 *  calibration vouches for is taken: an export begins without the calibrations from
 *  before it, and an angle against a stand-in would not join the live ones. */
export function stored(lines: string): Point[] {
  const points: Point[] = [];
  for (const line of lines.split('\n')) {
    if (!line) continue;
    const p = JSON.parse(line) as Posture;
    if (!p.shown || !p.known || !p.worn) continue;
    const last = points.at(-1)?.at ?? -Infinity;
    if (p.time >= last + storedEvery) points.push({ at: p.time, deg: p.flexion_deg });
  }
  return points;
}

/** join puts stored points before the live ones, of which none is lost. */
export function join(before: Point[], points: Point[]): Point[] {
  const first = points[0]?.at ?? Infinity;
  return [...before.filter((p) => p.at < first), ...points];
}
