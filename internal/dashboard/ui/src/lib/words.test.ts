import { expect, it } from 'vitest';
import { clock, clockSeconds, dateIn, dateSpan, degrees, longDate, minutes, percent, seconds, sentence, shift, shortDate, zoneName } from './words';

it.each([[0, '0 min'], [0.1, 'under 1 min'], [0.99, 'under 1 min'], [1, '1 min'], [59.4, '59 min'], [59.6, '1 h'], [386, '6 h 26 min'], [120, '2 h']])('%d minutes', (n, want) => expect(minutes(n)).toBe(want));

it.each([[0, '0 s'], [48.4, '48 s'], [60, '1 min'], [130, '2 min 10 s'], [5400, '1 h 30 min']])('%d seconds', (n, want) =>
  expect(seconds(n)).toBe(want),
);

it.each([[12.4, '12°'], [-3, '−3°'], [-0.2, '0°']])('%d degrees', (n, want) => expect(degrees(n)).toBe(want));

it('times are those of the zone, not of this machine', () => {
  expect(clock('2026-11-20T08:05:00Z', 'Europe/Vienna')).toBe('09:05');
  expect(clock('2026-11-20T23:30:00Z', 'Europe/Vienna')).toBe('00:30');
  expect(clock('2026-11-20T08:05:00Z', 'Asia/Kolkata')).toBe('13:35');
  expect(clockSeconds(Date.parse('2026-11-20T08:05:07.9Z'), 'Asia/Kolkata', false)).toBe('13:35:07');
  expect(clockSeconds(Date.parse('2026-11-20T08:05:07Z'), 'Asia/Kolkata', true)).toBe('13:35');
  expect(dateIn(new Date('2026-11-20T23:30:00Z'), 'Europe/Vienna')).toBe('2026-11-21');
});

it('moves over months, years and leap days', () => {
  expect(shift('2026-11-30', 1)).toBe('2026-12-01');
  expect(shift('2027-01-01', -1)).toBe('2026-12-31');
  expect(shift('2028-02-28', 1)).toBe('2028-02-29');
});

it('says dates', () => {
  expect(longDate('2026-11-20')).toBe('Friday 20 November 2026');
  expect(shortDate('2026-11-20')).toBe('Fri 20 Nov');
  expect(dateSpan('2026-11-09', '2026-11-15')).toBe('9 to 15 November 2026');
  expect(dateSpan('2026-10-26', '2026-11-01')).toBe('26 October to 1 November 2026');
});

it('says shares', () => expect([0, 0.424, 1].map(percent)).toEqual(['0 %', '42 %', '100 %']));

it('makes sentences', () => {
  expect(sentence('leaning forward for 2 minutes')).toBe('Leaning forward for 2 minutes.');
  expect(sentence('Already one.')).toBe('Already one.');
  expect(sentence(' ')).toBe('');
});

it.each([
  ['Europe/Vienna', 'Europe/Vienna'],
  ['America/New_York', 'America/New York'],
  ['Etc/GMT-5', 'UTC+5'],
  ['Etc/GMT+3', 'UTC−3'],
  ['Etc/UTC', 'UTC'],
  ['UTC', 'UTC'],
])('the zone %s is called %s', (zone, name) => expect(zoneName(zone)).toBe(name));
