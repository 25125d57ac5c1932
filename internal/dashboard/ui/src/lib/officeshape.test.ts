import { expect, it } from 'vitest';
import type { HeatMap, Hour, Office, Window } from './api';
import { anything, daysShown, hoursShown, latest, madeAt, measures, monthSpan, ofHours, part, people, show, showHour } from './officeshape';

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

const unknown: Hour = { months: 0, sitting_min: null, slouched_pct: null, breaks: null, flexion_deg: null };
const known: Hour = { months: 2, sitting_min: 48, slouched_pct: 31, breaks: 1.2, flexion_deg: 11 };
const heat = (...at: [day: number, hour: number][]): HeatMap => ({
  org: 'acme', zone: 'UTC', hour_k: 100, from: '2026-08', to: '2026-10',
  hours: Array.from({ length: 7 }, (_, d) => Array.from({ length: 24 }, (_, h) => (at.some(([a, b]) => a === d && b === h) ? known : unknown))),
});

it('shows the hours between the first and the last that anything is known of', () => {
  expect(hoursShown(heat())).toEqual([]);
  expect(hoursShown(heat([2, 9]))).toEqual([9]);
  expect(hoursShown(heat([4, 11], [0, 8], [6, 9]))).toEqual([8, 9, 10, 11]);
  expect(hoursShown(heat([0, 0], [6, 23]))).toHaveLength(24);
});

it('says the figures of an hour in words', () => {
  expect(ofHours.map((m) => showHour(known, m))).toEqual(['48 min', '31 %', '1.2', '11°']);
  expect(ofHours.map((m) => showHour(unknown, m))).toEqual(['–', '–', '–', '–']);
});

it('says which months, and when figures were made', () => {
  expect(monthSpan('2026-08', '2026-10')).toBe('August to October 2026');
  expect(monthSpan('2025-12', '2026-02')).toBe('December 2025 to February 2026');
  expect(monthSpan('2026-02', '2026-02')).toBe('February 2026');
  expect(madeAt(office([]))).toBe('');
  expect(madeAt({ ...office([]), made: '2026-11-20T23:04:09Z', zone: 'Europe/Vienna' })).toBe('Saturday 21 November 2026, 00:04');
});
