import { expect, it } from 'vitest';
import type { Office, Window } from './api';
import { anything, daysShown, latest, measures, part, people, show } from './officeshape';

const hidden = (label: string): Window => ({
  label, from: '2026-11-09', to: '2026-11-15', suppressed: true, sitting_min: null, slouched_pct: null, breaks: null, flexion_deg: null,
});
const shown = (label: string): Window => ({
  ...hidden(label), suppressed: false, contributors: '10-19', sitting_min: 402, slouched_pct: 33, breaks: 12.5, flexion_deg: 11,
});
const office = (weeks: Window[], days: Window[] = []): Office => ({ org: 'acme', zone: 'UTC', k: 10, day_k: 50, groups: [], office: weeks, days });

it('begins with the latest week that has figures', () => {
  expect(latest(office([shown('a'), shown('b'), hidden('c')]))).toBe(1);
  expect(latest(office([hidden('a'), hidden('b')]))).toBe(1);
  expect(latest(office([]))).toBe(0);
});

it('says figures in words, and a dash for none', () => {
  expect(measures.map((m) => show(shown('a'), m))).toEqual(['6 h 42 min', '33 %', '12.5', '11°']);
  expect(measures.map((m) => show(hidden('a'), m))).toEqual(['–', '–', '–', '–']);
  expect(people(shown('a'), 10)).toBe('10–19');
  expect(people(hidden('a'), 10)).toBe('fewer than 10');
});

it('bars stay within their box', () => {
  const m = measures[1]!;
  expect(part(shown('a'), m)).toBeCloseTo(0.33);
  expect(part(hidden('a'), m)).toBe(0);
  expect(part({ ...shown('a'), slouched_pct: 300 }, m)).toBe(1);
});

it('knows whether there is anything', () => {
  expect(anything(office([hidden('a')], [hidden('b')]))).toBe(false);
  expect(anything(office([hidden('a')], [shown('b')]))).toBe(true);
});

it('begins the days with the first published', () => {
  const labels = (days: Window[]) => daysShown(office([], days)).map((d) => d.label);
  expect(labels([hidden('a'), shown('b'), hidden('c'), shown('d')])).toEqual(['b', 'c', 'd']);
  expect(labels([hidden('a')])).toEqual([]);
});
