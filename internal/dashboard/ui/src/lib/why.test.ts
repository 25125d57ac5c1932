import { describe, expect, it } from 'vitest';
import type { CurvePoint, Receipt, Replay, Rule } from './api';
import { duration, loadClaim, ruleText, stepOf, thresholds, under, values, valueText, verdict, view } from './why';
import { line } from './whyoption';

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
  ['duration_ms', 180, '0.18 s'], ['battery_pct', 15, '15 %'], ['peak_off_1g', 1.2, '1.2 g'], ['bends_in_10_min', 22, '22'], ['silent_s', 0.5, '0.5 s'],
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

  it('leaves out what there was nothing of, and turns a lean to its side', () => {
    const lean = { ...receipt, values: { lean_deg: -12.5, lean_far_s: 0, lean_s: 300 } };
    expect(values(lean).map((v) => `${v.name} ${v.value}`)).toEqual(['Lean to the left 12.5°', 'To one side for 5 min']);
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

it.each<[Partial<Replay>, string]>([
  [{ verdict: 'same', readings: 1620 }, 'Judged again just now: the same, from 1,620 readings.'],
  [{ verdict: 'same', readings: 1, recomputed: true }, 'Judged again just now: the same, from 1 reading, with those that came late.'],
  [{ verdict: 'differs', readings: 4 }, 'Judged again just now: not the same, from 4 readings.'],
  [{ verdict: 'gone' }, 'It cannot be judged again: its readings are not kept any more.'],
  [{ verdict: 'odd_thing' as 'same' }, 'Judged again just now: odd thing.'],
])('%j', (replay, words) => expect(verdict({ verdict: 'same', readings: 0, late: 0, ...replay })).toBe(words));

it('says each step of an episode', () => {
  expect([{ step: 'opened', level: 1 }, { step: 'escalated', level: 2 }, { step: 'escalated', level: 3 }, { step: 'raised', level: 2 }].map(stepOf)).toEqual([
    'seen', 'worth a nudge', 'worth a break', 'more severe',
  ]);
});

it('holds the curve to the threshold of the rule', () => {
  expect(thresholds({ rule: 'slouch' }, limits).angle).toEqual([{ value: 15, text: '15°' }]);
  expect(thresholds({ rule: 'load' }, limits).load.map((t) => t.text)).toEqual(['50 %', '88 %']);
  expect(thresholds({ rule: 'slouch' }, {}).angle).toEqual([]);
  expect(thresholds({ rule: 'sitting' }, limits)).toEqual({ angle: [], load: [] });
});

describe('the curve', () => {
  const points = (...times: number[]): CurvePoint[] =>
    times.map((t) => ({ time: new Date(t).toISOString(), flexion_deg: t / 1000, lean_deg: 0 }));
  const finding = (rule: Rule, start: number, time: number) => ({ rule, start: new Date(start).toISOString(), time: new Date(time).toISOString() });

  it('breaks at a hole, and not where points are always far apart', () => {
    expect(line(points(0, 1000, 2000, 60_000, 61_000), (p) => p.flexion_deg)).toEqual([[0, 0], [1000, 1], [2000, 2], [2001, null], [60_000, 60], [61_000, 61]]);
    expect(line(points(0, 20_000, 40_000), (p) => p.flexion_deg)).toHaveLength(3);
  });

  it('is shown from a while before the start of the episode', () => {
    const hour = points(...Array.from({ length: 360 }, (_, i) => 10_000 * i));
    const first = (rule: Rule) => Date.parse(view(hour, finding(rule, 3_000_000, 3_120_000))[0]?.time ?? '') / 1000;
    expect(first('slouch')).toBe(2940);
    expect(first('load')).toBe(1200);
    expect(view(hour, finding('slouch', 9e6, 9.1e6))).toHaveLength(360);
  });
});
