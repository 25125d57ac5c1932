// The list of wearers: by teams, and searched.

import type { Wearer } from './api';

const team = (w: Wearer) => w.team_name ?? 'No team';

/** matches reports whether a search means somebody: by name, id or team. */
export const matches = (w: Wearer, search: string) => `${w.name} ${w.id} ${team(w)}`.toLowerCase().includes(search.trim().toLowerCase());

/** inTeams puts people under their teams, which are in alphabetical order. */
export function inTeams(people: Wearer[]): [team: string, list: Wearer[]][] {
  const teams = new Map<string, Wearer[]>();
  for (const w of people) teams.set(team(w), [...(teams.get(team(w)) ?? []), w]);
  return [...teams].sort((a, b) => a[0].localeCompare(b[0]));
}
