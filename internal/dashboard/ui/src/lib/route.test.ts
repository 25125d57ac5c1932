import { expect, it } from 'vitest';
import { format, parse } from './route';

it.each([
  ['#/acme', { org: 'acme' }],
  ['#/acme/anna', { org: 'acme', wearer: 'anna' }],
  ['#/acme/anna?date=2026-11-20', { org: 'acme', wearer: 'anna', date: '2026-11-20' }],
  ['#/', {}],
])('%s there and back', (hash, place) => {
  expect(parse(hash)).toEqual(place);
  expect(format(place)).toBe(hash);
});

it.each([
  ['', {}],
  ['#content', { org: 'content' }],
  ['#/../etc', {}],
  ['#/Acme/anna', {}],
  ['#/acme/<b>', { org: 'acme' }],
  ['#/acme/anna?date=today', { org: 'acme', wearer: 'anna' }],
  ['#/acme/anna?date=2026-11-20&x=1', { org: 'acme', wearer: 'anna', date: '2026-11-20' }],
])('%s is read as far as it is sound', (hash, place) => expect(parse(hash)).toEqual(place));
