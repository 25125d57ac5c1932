import { describe, expect, it } from 'vitest';
import type { Day, Episode, Posture } from './api';
import { axis, band, bars, flexion, hours, judged, load, minuteAt, newestFirst, position, recorded, stance } from './shape';

const midnight = '2026-11-19T23:00:00Z'; // in Vienna
const zero = Date.parse(midnight) / 60000;

interface Row {
  at: number; // minutes since midnight
  sitting?: number;
  standing?: number;
  moving?: number;
  notWorn?: number;
  slouched?: number;
  upright?: number;
  deg?: number | null;
  load?: number;
  shifts?: number;
}

function day(rows: Row[], more: Partial<Day> = {}): Day {
  const column = (of: (r: Row) => number | undefined) => rows.map((r) => of(r) ?? 0);
  return {
    org: 'acme',
    wearer: { id: 'anna', name: 'Anna', zone: 'Europe/Vienna' },
    date: '2026-11-20',
    zone: 'Europe/Vienna',
    from: midnight,
    to: '2026-11-20T23:00:00Z',
    today: false,
    minutes: {
      minute: rows.map((r) => zero + r.at),
      sitting_s: column((r) => r.sitting),
      standing_s: column((r) => r.standing),
      moving_s: column((r) => r.moving),
      not_worn_s: column((r) => r.notWorn),
      upright_s: column((r) => r.upright),
      slouched_s: column((r) => r.slouched),
      flexion_deg: rows.map((r) => r.deg ?? null),
      breaks: column(() => 0),
      flexion_p95_deg: rows.map((r) => r.deg ?? null),
      lean_left_s: column(() => 0),
      lean_right_s: column(() => 0),
      bent_s: column(() => 0),
      load_peak: column((r) => r.load),
      shifts: column((r) => r.shifts),
      bout_s: column(() => 0),
    },
    totals: {} as Day['totals'],
    episodes: [],
    nudges: [],
    ...more,
  };
}

describe('band', () => {
  it('stacks the time of a bin', () => {
    const pieces = band(day([{ at: 540, sitting: 60 }, { at: 541, sitting: 30, moving: 30 }, { at: 544, notWorn: 60 }]));
    expect(pieces).toEqual([
      { x0: 540, x1: 545, y0: 0, y1: 0.3, state: 0 },
      { x0: 540, x1: 545, y0: 0.3, y1: 0.4, state: 2 },
      { x0: 540, x1: 545, y0: 0.4, y1: expect.closeTo(0.6), state: 3 },
    ]);
  });

  it('never reaches over the top', () => {
    const rows = Array.from({ length: 5 }, (_, i) => ({ at: 600 + i, sitting: 60, standing: 0.4 }));
    expect(Math.max(...band(day(rows)).map((p) => p.y1))).toBeLessThanOrEqual(1);
  });

  it('of nothing is nothing', () => expect(band(day([]))).toEqual([]));
});

describe('flexion', () => {
  it('breaks at holes and where nothing was judged', () => {
    expect(flexion(day([{ at: 540, deg: 10 }, { at: 541, deg: 12 }, { at: 542 }, { at: 550, deg: 8 }]))).toEqual([
      [540.5, 10],
      [541.5, 12],
      [542.5, null],
      [543, null],
      [550, 8],
      [551, 8],
    ]);
  });

  it('draws a minute that stands alone', () => {
    expect(flexion(day([{ at: 540, deg: 10 }]))).toEqual([[540, 10], [541, 10]]);
    expect(flexion(day([{ at: 540 }]))).toEqual([[540.5, null]]);
  });

  it('does not break where a single minute is missing', () => {
    expect(flexion(day([{ at: 540, deg: 10 }, { at: 542, deg: 11 }]))).toHaveLength(2);
  });
});

it('load is drawn like flexion, and is there where no posture was judged', () => {
  expect(load(day([{ at: 540, load: 0.1, deg: 12 }, { at: 541, load: 0.2 }, { at: 550, load: 0.4 }]))).toEqual([
    [540.5, 0.1],
    [541.5, 0.2],
    [542, null],
    [550, 0.4],
    [551, 0.4],
  ]);
});

describe('axis', () => {
  const now = Date.parse('2026-11-20T14:20:00Z'); // 15:20 in Vienna

  it('shows office hours of an empty day', () => expect(axis(day([]), now)).toEqual({ min: 480, max: 1080 }));
  it('goes from hour to hour', () => expect(axis(day([{ at: 515 }, { at: 990 }]), now)).toEqual({ min: 480, max: 1020 }));
  it('reaches to now today', () => expect(axis(day([{ at: 515 }, { at: 600 }], { today: true }), now)).toEqual({ min: 480, max: 960 }));
  it('has two hours at least', () => expect(axis(day([{ at: 515 }]), now)).toEqual({ min: 480, max: 600 }));
  it('stays within the day', () => expect(axis(day([{ at: 1439 }]), now)).toEqual({ min: 1320, max: 1440 }));
  it('knows days of 25 hours', () => {
    const long = day([{ at: 60 }, { at: 1499 }], { to: '2026-11-21T00:00:00Z' });
    expect(axis(long, now).max).toBe(1500);
  });
});

describe('bars', () => {
  const episode = (start: string, end?: string): Episode => ({
    id: start, rule: 'slouch', start, level: 1, seconds: 60, ...(end ? { end } : {}),
  });
  const now = Date.parse('2026-11-20T09:00:00Z');

  it('clips to the day', () => {
    const d = day([], { episodes: [episode('2026-11-19T22:50:00Z', '2026-11-19T23:10:00Z')] });
    expect(bars(d, ['slouch'], now).map((b) => [b.x0, b.x1])).toEqual([[0, 10]]);
  });

  it('lets an open episode reach to the last reading, and not past now', () => {
    const episodes = [episode('2026-11-20T08:30:00Z')];
    const reach = (rows: Row[]) => bars(day(rows, { episodes }), ['slouch'], now).map((b) => [b.x0, b.x1]);
    expect(reach([{ at: 590, sitting: 60 }])).toEqual([[570, 591]]);
    expect(reach([{ at: 600, sitting: 60 }])).toEqual([[570, 600]]);
    expect(reach([])).toEqual([[570, 571]]);
    expect(bars(day([], { episodes }), ['sitting'], now)).toEqual([]);
  });
});

describe('hours', () => {
  it('sums by the hour and weighs flexion by judged time', () => {
    const list = hours(
      day([
        { at: 540, sitting: 60, upright: 60, deg: 10, load: 0.3, shifts: 2 },
        { at: 541, sitting: 60, slouched: 30, deg: 25, load: 0.2, shifts: 1 },
        { at: 660, moving: 60 },
      ]),
    );
    expect(list).toHaveLength(2);
    expect(list[0]).toMatchObject({ from: '2026-11-20T08:00:00.000Z', sitting: 2, slouched: 0.5, flexion: 15, shifts: 3, load: 0.3 });
    expect(list[1]).toMatchObject({ moving: 1, flexion: null });
  });
});

describe('minuteAt', () => {
  const d = day([{ at: 540, sitting: 20, moving: 40, deg: 7, load: 0.4 }]);
  it('says what was mostly done', () => expect(minuteAt(d, 540.9)).toEqual({ state: 'moving', flexion: 7, load: 0.4 }));
  it('says nothing of a minute without readings', () => expect(minuteAt(d, 541.2)).toBeUndefined());
});

describe('stance', () => {
  const p: Posture = {
    seq: 1, time: 0, flexion_deg: 5, lean_deg: 0, shown: true, known: true, moving: false, motion_known: true,
    sitting: true, sitting_known: true, worn: true, dwell_s: 0, bout_s: 0, slouch_level: 0, sitting_level: 0,
  };

  it.each([
    [undefined, 'Waiting for a reading', 'quiet'],
    [{ ...p }, 'Upright', 'good'],
    [{ ...p, flexion_deg: 14.9 }, 'Upright', 'good'],
    [{ ...p, flexion_deg: 15 }, 'Leaning or slouching', 'slouched'],
    [{ ...p, flexion_deg: 30, known: false }, 'Leaning or slouching', 'quiet'],
    [{ ...p, flexion_deg: -12 }, 'Leaning back', 'good'],
    [{ ...p, known: false, stale: true }, 'Upright', 'quiet'],
    [{ ...p, flexion_deg: 30, moving: true }, 'Moving', 'good'],
    [{ ...p, worn: false, moving: true }, 'Not worn', 'quiet'],
    [{ ...p, shown: false }, 'Posture not known', 'quiet'],
  ])('%#', (posture, words, tone) => expect(stance(posture as Posture | undefined)).toEqual({ words, tone }));
});

it('positions are minutes since midnight', () => {
  expect(position(day([]), '2026-11-20T08:00:30Z')).toBe(540.5);
  expect(position(day([]), Date.parse('2026-11-20T08:00:00Z'))).toBe(540);
});

it('the newest nudge comes first, and the day stays as it was', () => {
  const nudges = ['2026-11-20T08:00:00Z', '2026-11-20T10:00:00Z'].map((time) => ({ id: time, time }) as Day['nudges'][number]);
  expect(newestFirst(nudges, (n) => n.time).map((n) => n.time)).toEqual(['2026-11-20T10:00:00Z', '2026-11-20T08:00:00Z']);
  expect(nudges[0]?.time).toBe('2026-11-20T08:00:00Z');
});

it('knows how much there is of a day, and whether it is enough to judge', () => {
  const totals = (more: Partial<Day['totals']>) => ({ sitting_min: 0.2, standing_min: 0, moving_min: 0.1, not_worn_min: 3, upright_min: 0, slouched_min: 0, ...more }) as Day['totals'];
  expect(recorded(totals({}))).toBeCloseTo(3.3);
  expect(judged(totals({ slouched_min: 0.2 }))).toBe(false);
  expect(judged(totals({ slouched_min: 0.2, upright_min: 0.8 }))).toBe(true);
});
