import { describe, expect, it } from 'vitest';
import type { CurvePoint, Receipt, Rule } from './api';
import { duration, loadClaim, ruleText, thresholds, under, values, valueText, verdict } from './why';
import { hasCurve, line } from './whyoption';

it.each([['30s', 30], ['2m0s', 120], ['1h30m0s', 5400], ['1.5s', 1.5], ['', undefined], ['soon', undefined]])('%s lasts %s', (text, want) => expect(duration(text)).toBe(want));

const limits: Record<string, string> = {
  slouch_deg: '15', upright_deg: '10', slouch_open: '30s', slouch_nudge: '2m0s', slouch_clear: '5s', load_nudge: '0.5', load_break: '0.88', load_clear: '0.25',
  sitting_soft: '20m0s', sitting_prompt: '30m0s', sitting_break: '50m0s', still_for: '20m0s', shift_deg: '10', lean_deg: '10', lean_for: '5m0s',
  lean_far_deg: '20', lean_far_for: '1m0s', bends_per_minute: '2', hydration_every: '2h0m0s', battery_low: '15',
};

describe('the rule in words', () => {
  const rules: Rule[] = ['slouch', 'load', 'hold', 'sitting', 'immobility', 'lean', 'sudden_movement', 'bending', 'hydration', 'offline', 'battery', 'calibration'];
  it.each(rules)('%s is a sentence with its limits', (rule) => {
    const text = ruleText({ rule }, limits);
    expect(text).toMatch(/^[A-Z].*\.$/);
    expect(text).not.toMatch(/–|undefined|NaN/);
  });

  it('says the limits of the time, not the defaults', () => {
    expect(ruleText({ rule: 'slouch' }, { ...limits, slouch_deg: '18', slouch_nudge: '3m30s' })).toMatch(/18° and more .* after 3 min 30 s/);
  });

  it('leaves out what it is not told', () => expect(ruleText({ rule: 'slouch' }, {})).toMatch(/^Forward flexion of – and more/));
  it('says nothing of a rule it does not know', () => expect(ruleText({ rule: 'neck' as Rule }, {})).toBe(''));

  it('never lets the load be taken for more than it is', () => {
    expect(ruleText({ rule: 'load' }, limits)).toContain(loadClaim);
    expect(loadClaim).toMatch(/model.*analogy.*not a measurement.*not a medical limit/);
  });
});

it.each([
  ['flexion_deg', 22.44, '22.4°'], ['lean_deg', -13.2, '−13.2°'], ['dwell_s', 120, '2 min'], ['load', 0.883, '88 %'], ['peak_dps', 214, '214° a second'],
  ['duration_ms', 180, '0.18 s'], ['battery_pct', 15, '15 %'], ['peak_mg', 1200, '1.2 g'], ['bends', 22, '22'], ['gap_s', 0.5, '0.5 s'],
])('%s of %d is %s', (key, v, want) => expect(valueText(key, v)).toBe(want));

const receipt: Receipt = {
  engine: 2, version: 1, parameters: 'default', limits, values: { dwell_s: 120, some_new_thing_deg: 3 },
  from: { device: 'clip', boot: 7, seq: 9800, time: '2026-11-20T08:00:00Z' }, to: { device: 'clip', boot: 7, seq: 10420, time: '2026-11-20T08:05:00Z' },
};

describe('the receipt', () => {
  const fact = (r: Receipt, name: string) => under(r, 'Europe/Vienna').find((f) => f.name === name)?.value;

  it('names what tripped it, new things too', () => {
    expect(values(receipt)).toEqual([{ name: 'Leaning or slouching for', value: '2 min' }, { name: 'Some new thing', value: '3°' }]);
  });

  it('says what it was judged by', () => {
    expect(fact(receipt, 'Thresholds')).toBe('the defaults');
    expect(fact({ ...receipt, parameters: 'design-3' }, 'Thresholds')).toBe('version design-3');
    expect(fact(receipt, 'Calibration')).toBe('none was needed');
    expect(fact({ ...receipt, calibration: { pose: 'seated', upright_mg: [0, 1000, 0] } }, 'Calibration')).toBe('upright pose, seated');
  });

  it('says from which readings', () => {
    expect(fact(receipt, 'Readings')).toBe('9,800 to 10,420, 09:00 to 09:05');
    expect(fact(receipt, 'Device')).toBe('clip, run 7');
    const over = { ...receipt, to: { ...receipt.to, boot: 8, seq: 5 } };
    expect(fact(over, 'Readings')).toBe('9,800 of run 7 to 5 of run 8, 09:00 to 09:05');
  });
});

it.each([
  [{ same: true, judged: 620 }, 'Judged again just now: the same, from 620 readings.'],
  [{ same: true }, 'Judged again just now: the same.'],
  [{ same: false, judged: 4, reason: 'the level differs' }, 'Judged again just now: not the same. The level differs.'],
  [{ same: false, reason: 'Its readings are no longer kept.' }, 'It could not be judged again. Its readings are no longer kept.'],
  [{ same: false, judged: 0 }, 'It could not be judged again.'],
])('%j', (replay, words) => expect(verdict(replay)).toBe(words));

it('holds the curve to the threshold of the rule, on the side of the lean', () => {
  expect(thresholds({ rule: 'slouch' }, limits).flexion).toEqual([{ value: 15, text: '15°' }]);
  expect(thresholds({ rule: 'load' }, limits).load.map((t) => t.text)).toEqual(['50 %', '88 %']);
  expect(thresholds({ rule: 'lean', cause: 'left' }, limits).lean).toEqual([{ value: -10, text: '10°' }]);
  expect(thresholds({ rule: 'slouch' }, {}).flexion).toEqual([]);
  expect(thresholds({ rule: 'sitting' }, limits)).toEqual({ flexion: [], lean: [], load: [] });
});

describe('the curve', () => {
  const points = (...times: number[]): CurvePoint[] => times.map((time) => ({ time, flexion_deg: time / 1000, load: null }));

  it('takes both ways of writing a time, and breaks at a hole', () => {
    const curve = [...points(0, 1000, 2000), { time: '1970-01-01T00:01:00Z', flexion_deg: 5, load: null }, ...points(61_000, 62_000, 63_000, 64_000, 65_000, 66_000)];
    expect(line(curve, (p) => p.flexion_deg).slice(0, 5)).toEqual([[0, 0], [1000, 1], [2000, 2], [2001, null], [60_000, 5]]);
  });

  it('does not break where points are always far apart', () => {
    expect(line(points(0, 20_000, 40_000), (p) => p.flexion_deg)).toHaveLength(3);
  });

  it('knows when there is nothing to draw', () => {
    expect(hasCurve(null)).toBe(false);
    expect(hasCurve([{ time: 0, flexion_deg: null, load: 0 }, { time: 1, flexion_deg: null, load: 0 }])).toBe(false);
    expect(hasCurve(points(0, 1))).toBe(true);
  });
});
