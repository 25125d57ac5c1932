import { describe, expect, it } from 'vitest';
import type { CurvePoint, Finding, Receipt, Replay, Rule } from './api';
import { duration, inOrder, loadClaim, ruleText, stepOf, thresholds, under, values, valueText, verdict } from './why';
import { line } from './whyoption';

it.each([['30s', 30], ['2m0s', 120], ['1h30m0s', 5400], ['1.5s', 1.5], ['', undefined], ['soon', undefined]])('%s lasts %s', (text, want) => expect(duration(text)).toBe(want));

const limits: Record<string, string> = {
  slouch_deg: '15', upright_deg: '10', slouch_open: '30s', slouch_nudge: '2m0s', slouch_clear: '5s', load_nudge: '0.5', load_break: '0.88', load_clear: '0.25',
  sitting_soft: '20m0s', sitting_prompt: '30m0s', sitting_break: '50m0s', still_for: '20m0s', shift_deg: '10', lean_deg: '10', lean_for: '5m0s',
  lean_far_deg: '20', lean_far_for: '1m0s', bends_per_minute: '2', hydration_every: '2h0m0s', battery_low: '15',
};

const receipt: Receipt = {
  engine: 2, version: 1, parameters: 'default', limits, values: { dwell_s: 120, some_new_thing_deg: 3 },
  from: { device: 'clip', boot: 7, seq: 9800, time: '2026-11-20T08:00:00Z' }, to: { device: 'clip', boot: 7, seq: 10420, time: '2026-11-20T08:05:00Z' },
};

describe('the rule in words', () => {
  const rules: Rule[] = ['slouch', 'load', 'hold', 'sitting', 'immobility', 'lean', 'sudden_movement', 'bending', 'hydration', 'offline', 'battery', 'calibration'];
  it.each(rules)('%s is a sentence with its limits', (rule) => {
    const text = ruleText({ rule, receipt });
    expect(text).toMatch(/^[A-Z].*\.$/);
    expect(text).not.toMatch(/–|undefined|NaN/);
  });

  it('says the limits of the time, not the defaults', () => {
    const stricter = { ...receipt, limits: { ...limits, slouch_deg: '18', slouch_nudge: '3m30s' } };
    expect(ruleText({ rule: 'slouch', receipt: stricter })).toMatch(/18° and more .* after 3 min 30 s/);
  });

  it('tells a curved back from a bent hip where there are two sensors', () => {
    const two = { ...receipt, values: { curve_deg: 22 }, limits: { ...limits, curve_deg: '20', curve_clear_deg: '15' } };
    expect(ruleText({ rule: 'slouch', receipt: two })).toMatch(/^With two sensors.* by 20° .*hip does not count.* under 15°/);
    expect(thresholds({ rule: 'slouch', receipt: two }).angle).toEqual([]);
  });

  it('leaves out what it is not told', () => expect(ruleText({ rule: 'slouch' })).toMatch(/^Forward flexion of – and more/));
  it('says nothing of a rule it does not know', () => expect(ruleText({ rule: 'neck' as Rule })).toBe(''));

  it('never lets the load be taken for more than it is', () => {
    expect(ruleText({ rule: 'load', receipt })).toContain(loadClaim);
    expect(loadClaim).toMatch(/model.*analogy.*not a measurement.*not a medical limit/);
  });
});

it.each([
  ['flexion_deg', 22.44, '22.4°'], ['lean_deg', -13.2, '−13.2°'], ['dwell_s', 120, '2 min'], ['load', 0.883, '88 %'], ['peak_dps', 214, '214° a second'],
  ['duration_ms', 180, '0.18 s'], ['battery_pct', 15, '15 %'], ['peak_off_1g', 1.2, '1.2 g'], ['bends_in_10_min', 22, '22'], ['silent_s', 0.5, '0.5 s'],
])('%s of %d is %s', (key, v, want) => expect(valueText(key, v)).toBe(want));

describe('the receipt', () => {
  const fact = (r: Receipt, name: string) => under(r, 'Europe/Vienna').find((f) => f.name === name)?.value;

  it('names what tripped it, new things too', () => {
    expect(values(receipt)).toEqual([{ name: 'Leaning or slouching for', value: '2 min' }, { name: 'Some new thing', value: '3°' }]);
  });

  it('leaves out what there was nothing of, and turns a lean to its side', () => {
    const lean = { ...receipt, values: { lean_deg: -12.5, lean_far_s: 0, lean_s: 300 } };
    expect(values(lean).map((v) => `${v.name} ${v.value}`)).toEqual(['Lean to the left 12.5°', 'To one side for 5 min']);
  });

  it('says what it was judged by', () => {
    expect(fact(receipt, 'Thresholds')).toBe('the defaults');
    expect(fact({ ...receipt, parameters: 'design-3' }, 'Thresholds')).toBe('version design-3');
    expect(fact(receipt, 'Calibration')).toBe('none in use');
    expect(fact({ ...receipt, calibration: { pose: 'seated', upright_mg: [0, 1000, 0] } }, 'Calibration')).toBe('upright pose, seated');
  });

  it('says from which readings', () => {
    expect(fact(receipt, 'Device')).toBe('clip');
    expect(fact(receipt, 'Readings from')).toBe('9,800 of run 7, 09:00');
    expect(fact(receipt, 'to')).toBe('10,420 of run 7, 09:05');
    const over = { ...receipt, from: { ...receipt.from, device: 'old', time: '2026-11-19T15:00:00Z' } };
    expect(fact(over, 'Readings from')).toBe('9,800 of run 7, Thu 19 Nov, 16:00');
    expect(fact(over, 'Device')).toBe('old, then clip');
  });
});

it.each<[Partial<Replay>, string]>([
  [{ verdict: 'same', readings: 1620 }, 'Judged again just now: the same, from 1,620 readings.'],
  [{ verdict: 'same', readings: 1, recomputed: true }, 'Judged again just now: the same, from 1 reading, with those that came late.'],
  [{ verdict: 'differs', readings: 4 }, 'Judged again just now: not the same, from 4 readings.'],
  [{ verdict: 'gone' }, 'It cannot be judged again: its readings are not kept any more.'],
  [{ verdict: 'odd_thing' as 'same' }, 'Judged again just now: odd thing.'],
])('%j', (replay, words) => expect(verdict({ verdict: 'same', readings: 0, late: 0, ...replay })).toBe(words));

it('says each step of an episode, in order', () => {
  const step = (name: string, level: number, second: number, rule: Rule = 'slouch') =>
    ({ id: name + level, rule, step: name, level, time: `2026-11-20T08:00:0${second}Z` }) as Finding;
  const list = [step('closed', 3, 9), step('escalated', 3, 5), step('escalated', 2, 1), step('opened', 1, 1), step('raised', 2, 3)];
  expect(inOrder(list).map(stepOf)).toEqual(['seen', 'worth a nudge', 'more severe', 'worth a break', 'over']);
  expect(stepOf(step('escalated', 2, 1, 'calibration'))).toBe('asked for');
});

it('holds the curve to the threshold of the rule', () => {
  expect(thresholds({ rule: 'slouch', receipt }).angle).toEqual([{ value: 15, text: '15°' }]);
  expect(thresholds({ rule: 'load', receipt }).load.map((t) => t.text)).toEqual(['50 %', '88 %']);
  expect(thresholds({ rule: 'slouch' }).angle).toEqual([]);
  expect(thresholds({ rule: 'sitting', receipt })).toEqual({ angle: [], load: [] });
});

describe('the curve', () => {
  const points = (...times: number[]): CurvePoint[] =>
    times.map((t) => ({ time: new Date(t).toISOString(), flexion_deg: t / 1000, lean_deg: 0 }));

  it('breaks at a hole, and not where points are always far apart', () => {
    expect(line(points(0, 1000, 2000, 60_000, 61_000), (p) => p.flexion_deg)).toEqual([[0, 0], [1000, 1], [2000, 2], [2001, null], [60_000, 60], [61_000, 61]]);
    expect(line(points(0, 20_000, 40_000), (p) => p.flexion_deg)).toHaveLength(3);
  });
});
