import { describe, expect, it } from 'vitest';
import type { Episode, Rule } from './api';
import { aboutEpisode, calibrationFor, lengthOf, nameOf, outcome, weight, wordsOf } from './rules';

const every: Rule[] = [
  'slouch', 'load', 'hold', 'sitting', 'immobility', 'lean', 'sudden_movement', 'bending', 'hydration', 'offline', 'battery', 'calibration',
];

const episode = (rule: Rule, more: Partial<Episode> = {}): Episode => ({
  id: 'e', rule, start: '2026-11-20T08:00:00Z', end: '2026-11-20T08:02:00Z', level: 2, seconds: 120, severity: 'moderate', outcome: 'recovered', ...more,
});

it('every rule has words of its own, and none is its name in the code', () => {
  const names = every.map((rule) => wordsOf(rule).name);
  expect(new Set(names).size).toBe(every.length);
  for (const name of names) expect(name).toMatch(/^[A-Z][a-z ]+$/);
  for (const name of names) expect(name).not.toMatch(/limit|R\d/);
});

it('a rule of a newer server is called as it calls itself', () => {
  expect(wordsOf('neck_strain').name).toBe('neck strain');
  expect(nameOf({ rule: 'neck_strain' })).toBe('neck strain');
});

it.each([
  [{ rule: 'lean', cause: 'left' }, 'Leaning to the left'],
  [{ rule: 'lean' }, 'Leaning to one side'],
  [{ rule: 'sudden_movement', cause: 'fast' }, 'Fast movement'],
  [{ rule: 'sudden_movement', cause: 'sudden' }, 'Sudden movement'],
  [{ rule: 'calibration', cause: 'drift' }, 'Calibration needed'],
])('%j is called %s', (e, name) => expect(nameOf(e)).toBe(name));

describe('the line under an episode', () => {
  it.each<[Episode, string]>([
    [episode('slouch', { flexion_deg: 22.4 }), 'at 22°, then upright again'],
    [episode('load'), 'it went down'],
    [episode('hold'), 'longer than ISO 11226 accepts at that angle, then rested'],
    [episode('lean', { cause: 'left' }), 'back in the middle'],
    [episode('immobility', { outcome: 'shifted' }), 'without a shift of posture, then shifted'],
    [episode('sitting', { outcome: 'break' }), 'took a break'],
    [episode('sudden_movement', { cause: 'sudden', outcome: 'momentary' }), 'a jerk'],
    [episode('calibration', { outcome: 'calibrated', cause: 'drift' }), 'a new upright pose was measured'],
    [episode('offline', { outcome: 'back' }), 'not worn, or out of reach, then readings came again'],
    [episode('slouch', { outcome: 'levitated' }), 'levitated'],
  ])('%#', (e, words) => expect(aboutEpisode(e)).toBe(words));

  it('says what to do while something is to be done', () => {
    const open = (rule: Rule, cause?: string) => {
      const { end: _end, outcome: _outcome, ...rest } = episode(rule);
      return aboutEpisode(cause ? { ...rest, cause } : rest);
    };
    expect(open('battery')).toBe('Charge the wearable soon.');
    expect(open('sitting')).toBe('still going on');
    for (const cause of ['moving', 'slouched', 'wrong_pose', 'degenerate', 'too_few', 'drift', 'rewear', 'news']) {
      expect(open('calibration', cause)).toBe(calibrationFor(cause));
      expect(calibrationFor(cause)).toMatch(/[Mm]easure/);
    }
  });
});

it('a length is said where it means something', () => {
  expect(lengthOf(episode('slouch'))).toBe('2 min');
  expect(lengthOf(episode('battery'))).toBe('');
  expect(lengthOf(episode('hold'))).toBe('');
  expect(lengthOf(episode('sudden_movement', { seconds: 0 }))).toBe('');
});

it('severity is for what is about the back', () => {
  expect(weight(episode('slouch'))).toBe(2);
  expect(weight(episode('load', { severity: 'severe' }))).toBe(3);
  expect(weight(episode('slouch', { severity: 'unknown' }))).toBe(0);
  expect(weight(episode('battery'))).toBe(0);
});

it('keeps an outcome it does not know', () => {
  expect(outcome('break')).toBe('took a break');
  expect(outcome('levitated')).toBe('levitated');
  expect(outcome(undefined)).toBe('');
});
