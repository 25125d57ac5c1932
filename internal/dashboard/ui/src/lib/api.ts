// The API as the page sees it. Units are in the names: _s seconds, _min minutes,
// _deg degrees. Times are RFC 3339 in UTC; minutes are counted since 1970.

export interface Org {
  id: string;
  name: string;
  zone: string;
}

export interface Wearer {
  id: string;
  name: string;
  team?: string;
  team_name?: string;
  zone: string;
}

export interface Minutes {
  minute: number[];
  sitting_s: number[];
  standing_s: number[];
  moving_s: number[];
  not_worn_s: number[];
  upright_s: number[];
  slouched_s: number[];
  flexion_deg: (number | null)[];
  breaks: number[];
  flexion_p95_deg: (number | null)[];
  lean_left_s: number[];
  lean_right_s: number[];
  bent_s: number[];
  load_peak: number[]; // 0 to 1
  shifts: number[];
  bout_s: number[];
}

export interface Totals {
  sitting_min: number;
  standing_min: number;
  moving_min: number;
  not_worn_min: number;
  upright_min: number;
  slouched_min: number;
  slouched_share: number | null;
  flexion_deg: number | null;
  longest_bout_min: number;
  breaks: number;
  unprompted_breaks: number;
  shifts: number;
  shifts_an_hour: number | null;
  load_peak: number; // 0 to 1
  lean_left_min: number;
  lean_right_min: number;
  lean_index: number | null;
  one_sided?: 'left' | 'right';
  bent_share: number | null;
  bent_much: boolean;
  slouch_episodes: number;
  sitting_episodes: number;
  nudges_sent: number;
  nudges_held: number;
  correction_s: number | null;
}

export type Rule =
  | 'slouch' | 'load' | 'hold' | 'sitting' | 'immobility' | 'lean'
  | 'sudden_movement' | 'bending' | 'hydration' | 'offline' | 'battery' | 'calibration';

export type Severity = 'mild' | 'moderate' | 'severe';

export interface Episode {
  id: string;
  rule: Rule;
  start: string;
  end?: string;
  level: number;
  outcome?: string;
  seconds: number;
  flexion_deg?: number;
  severity?: Severity | 'unknown';
  cause?: string;
}

/** Place names a reading. */
export interface Place {
  device: string;
  boot: number;
  seq: number;
  time: string;
}

/** Receipt is what is needed to prove a finding again. */
export interface Receipt {
  engine: number;
  version: number;
  parameters: string;
  limits: Record<string, string>;
  values: Record<string, number>;
  from: Place;
  to: Place;
  calibration?: { pose: 'seated' | 'standing'; upright_mg: [number, number, number] };
}

/** Finding is one message of an episode. */
export interface Finding {
  id: string;
  episode: string;
  rule: Rule;
  step: string;
  level: number;
  start: string;
  time: string;
  end?: string;
  outcome?: string;
  seconds: number;
  flexion_deg?: number;
  severity?: Severity | 'unknown';
  cause?: string;
  receipt?: Receipt;
}

/** Explained is a finding judged again, and what the sensor saw in the readings. */
export interface Explained {
  finding: Finding;
  episode: Finding[]; // all its findings, without receipts
  replay: Replay;
  curve: CurvePoint[];
}

export interface Replay {
  verdict: 'same' | 'differs' | 'missing' | 'gone' | 'other_engine' | 'no_receipt';
  readings: number; // judged again
  late: number; // among them, those that came late
  recomputed?: boolean; // the same with the late ones
  differences?: { member: string; stored: string; again: string }[];
}

/** CurvePoint is a stretch of a curve; one without a posture is not there. */
export interface CurvePoint {
  time: string;
  flexion_deg: number;
  lean_deg: number;
  load?: number; // 0 to 1
}

export interface Nudge {
  id: string;
  episode: string;
  rule: Rule;
  level: number;
  time: string;
  status: 'sent' | 'ambiguous' | 'held';
  text?: string;
  reason?: string;
  held_by?: string;
  why?: string;
  reply?: string;
  replied_at?: string;
  corrected_at?: string;
  correction_s?: number;
  outcome?: string;
}

export interface Day {
  org: string;
  wearer: Wearer;
  date: string;
  zone: string;
  from: string;
  to: string;
  today: boolean;
  minutes: Minutes;
  totals: Totals;
  episodes: Episode[];
  nudges: Nudge[];
}

export interface Posture {
  seq: number;
  time: number;
  flexion_deg: number;
  lean_deg: number;
  shown: boolean;
  known: boolean;
  moving: boolean;
  motion_known: boolean;
  sitting: boolean;
  sitting_known: boolean;
  worn: boolean;
  dwell_s: number;
  bout_s: number;
  slouch_level: number;
  sitting_level: number;
  curve_deg?: number;
  curve_known?: boolean;
  neck_deg?: number;
  neck_known?: boolean;
  load?: number; // 0 to 1
  stale?: boolean; // the upright pose is no longer trusted
}

export interface Figures {
  suppressed: boolean;
  contributors?: string;
  sitting_min: number | null;
  slouched_pct: number | null;
  breaks: number | null;
  flexion_deg: number | null;
}

export interface Window extends Figures {
  label: string;
  from: string;
  to: string;
}

export interface Group {
  name: string;
  teams: string[];
  weeks: Window[];
}

export interface Office {
  org: string;
  zone: string;
  k: number;
  day_k: number;
  made?: string; // the latest of the figures
  groups: Group[];
  office: Window[];
  days: Window[];
}

/** Hour is an hour of the week, of some months. */
export interface Hour {
  months: number; // that have figures; 0 where nothing may be known
  sitting_min: number | null;
  slouched_pct: number | null;
  breaks: number | null;
  flexion_deg: number | null;
}

export interface HeatMap {
  org: string;
  zone: string;
  hour_k: number;
  from: string; // the first month, 2026-09
  to: string; // the last one
  made?: string;
  hours: Hour[][]; // Monday to Sunday, each from 0 to 23
}

/** Problem is an error in words that a person can act on. */
export class Problem extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'Problem';
  }
}

async function reach(path: string, signal?: AbortSignal): Promise<Response> {
  try {
    return await fetch(path, { headers: { Accept: 'application/json' }, ...(signal ? { signal } : {}) });
  } catch (err) {
    if (signal?.aborted) throw err;
    throw new Problem('unreachable', 'The server does not answer. Is sitwell running?');
  }
}

async function ask<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await reach(path, signal);
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok && body !== undefined) return body as T;
  const error = (body as { error?: { code?: string; message?: string } } | undefined)?.error;
  throw new Problem(error?.code ?? 'unreadable', error?.message ?? `The server gave an answer that cannot be read (${response.status}).`);
}

const orgPath = (org: string) => `api/v1/orgs/${encodeURIComponent(org)}`;
const wearerPath = (org: string, wearer: string) => `${orgPath(org)}/wearers/${encodeURIComponent(wearer)}`;

export const api = {
  orgs: async (signal?: AbortSignal) => (await ask<{ orgs: Org[] }>('api/v1/orgs', signal)).orgs,
  wearers: async (org: string, signal?: AbortSignal) => (await ask<{ wearers: Wearer[] }>(`${orgPath(org)}/wearers`, signal)).wearers,
  office: (org: string, signal?: AbortSignal) => ask<Office>(`${orgPath(org)}/office`, signal),
  heatMap: (org: string, signal?: AbortSignal) => ask<HeatMap>(`${orgPath(org)}/office/heatmap`, signal),
  day: (org: string, wearer: string, date: string | undefined, signal?: AbortSignal) =>
    ask<Day>(`${wearerPath(org, wearer)}/day${date ? `?date=${encodeURIComponent(date)}` : ''}`, signal),
  finding: (org: string, wearer: string, id: string, signal?: AbortSignal) =>
    ask<Explained>(`${wearerPath(org, wearer)}/findings/${encodeURIComponent(id)}`, signal),
  /** postures is the text of an export: a posture a line. Times are ms since 1970. */
  postures: async (org: string, wearer: string, from: number, to: number, signal?: AbortSignal): Promise<string> => {
    const span = `from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}`;
    const response = await reach(`${wearerPath(org, wearer)}/postures?${span}`, signal);
    if (!response.ok) throw new Problem('unreadable', `The stored postures cannot be had (${response.status}).`);
    return response.text();
  },
  livePath: (org: string, wearer: string) => `api/v1/live?org=${encodeURIComponent(org)}&wearer=${encodeURIComponent(wearer)}`,
};
