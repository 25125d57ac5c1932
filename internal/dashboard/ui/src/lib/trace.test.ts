import { describe, expect, it } from 'vitest';
import type { Posture } from './api';
import { extend, join, stored, type Point } from './trace';

const posture = (time: number, deg: number, more: Partial<Posture> = {}): Posture => ({
  seq: time, time, flexion_deg: deg, lean_deg: 0, shown: true, known: true, moving: false, motion_known: true,
  sitting: true, sitting_known: true, worn: true, dwell_s: 0, bout_s: 0, slouch_level: 0, sitting_level: 0, ...more,
});
const lines = (...list: Posture[]) => list.map((p) => `${JSON.stringify(p)}\n`).join('');
const times = (list: Point[]) => list.map((p) => p.at);

describe('extend', () => {
  it('keeps a minute', () => expect(times(extend([{ at: 1000, deg: 1 }, { at: 1001, deg: 2 }], posture(61_000, 3)))).toEqual([1001, 61_000]));
  it('leaves out what has no angle', () => {
    expect(extend([], posture(0, 3, { shown: false }))).toEqual([]);
    expect(extend([], posture(0, 3, { worn: false }))).toEqual([]);
  });
  it('goes back in time without a loop', () => expect(times(extend([{ at: 5000, deg: 1 }], posture(4000, 2)))).toEqual([4000]));
});

describe('stored', () => {
  it('reads lines', () => expect(stored(lines(posture(0, 4), posture(1000, 5.5)))).toEqual([{ at: 0, deg: 4 }, { at: 1000, deg: 5.5 }]));
  it('of nothing is nothing', () => expect(stored('')).toEqual([]));
  it('takes no angle against a stand-in', () => expect(stored(lines(posture(0, 40, { known: false })))).toEqual([]));
  it('thins a fast wearable', () => {
    const fast = Array.from({ length: 101 }, (_, i) => posture(10 * i, 0));
    expect(times(stored(lines(...fast)))).toEqual([0, 250, 500, 750, 1000]);
  });
});

describe('join', () => {
  const live = [{ at: 60_000, deg: 6 }, { at: 60_250, deg: 7 }];
  it('puts the stored before the live', () => {
    expect(times(join([{ at: 59_000, deg: 1 }, { at: 60_000, deg: 9 }, { at: 60_100, deg: 9 }], live))).toEqual([59_000, 60_000, 60_250]);
  });
  it('stands alone', () => expect(times(join([{ at: 59_000, deg: 1 }], []))).toEqual([59_000]));
});
