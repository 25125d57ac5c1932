import { expect, it } from 'vitest';
import type { Wearer } from './api';
import { inTeams, matches } from './people';

const wearer = (id: string, name: string, team?: string): Wearer => ({ id, name, zone: 'UTC', ...(team ? { team_name: team } : {}) });
const anna = wearer('w-1', 'Anna', 'Sales');
const ben = wearer('w-2', 'Ben');
const cem = wearer('w-3', 'Cem', 'Design');
const dora = wearer('w-4', 'Dora', 'Sales');

it('puts people under their teams', () => {
  expect(inTeams([anna, ben, cem, dora])).toEqual([['Design', [cem]], ['No team', [ben]], ['Sales', [anna, dora]]]);
  expect(inTeams([])).toEqual([]);
});

it.each([['', true], [' ANN ', true], ['w-1', true], ['sal', true], ['ben', false]])('a search for %j means Anna: %s', (search, want) =>
  expect(matches(anna, search)).toBe(want),
);
