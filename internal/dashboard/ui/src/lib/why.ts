// What a receipt says, in words.

import type { Finding, Place, Receipt, Replay } from './api';
import { calibrationFor, wordsOf } from './rules';
import { clock, dateIn, degrees, percent, seconds, shortDate } from './words';

/** loadClaim says what the load is and what it is not, wherever it is shown. */
export const loadClaim =
  'Load is a model: how tissue gives way while a back stays bent and recovers after, taken over from the lower back by analogy. It is not a measurement of your back and not a medical limit.';

/** duration reads how a receipt writes one: "2m0s" is 120 seconds. */
export function duration(text: string): number | undefined {
  const m = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?$/.exec(text);
  if (!m || !text) return undefined;
  return 3600 * Number(m[1] ?? 0) + 60 * Number(m[2] ?? 0) + Number(m[3] ?? 0);
}

const unknown = '–';

/** curved reports whether a slouch was judged by the curve of the back, with two sensors. */
const curved = (f: Pick<Finding, 'receipt'>) => f.receipt?.values.curve_deg !== undefined;

/** ruleText is the rule in words, with the limits it was judged by. */
export function ruleText(f: Pick<Finding, 'rule' | 'cause' | 'receipt'>): string {
  const limits = f.receipt?.limits ?? {};
  const deg = (key: string) => (limits[key] === undefined ? unknown : degrees(Number(limits[key])));
  const time = (key: string) => {
    const s = duration(limits[key] ?? '');
    return s === undefined ? unknown : seconds(s);
  };
  const share = (key: string) => (limits[key] === undefined ? unknown : percent(Number(limits[key])));
  switch (f.rule) {
    case 'slouch':
      if (curved(f))
        return `With two sensors, an upper back that is bent by ${deg('curve_deg')} and more against the lower is seen after ${time('slouch_open')}, and worth a nudge after ${time('slouch_nudge')}. Bending at the hip does not count. Being under ${deg('curve_clear_deg')}, or moving, for ${time('slouch_clear')} ends it.`;
      return `Forward flexion of ${deg('slouch_deg')} and more is seen after ${time('slouch_open')}, and worth a nudge after ${time('slouch_nudge')}. Being under ${deg('upright_deg')}, or moving, for ${time('slouch_clear')} ends it.`;
    case 'load':
      return `Load builds up while the back is bent and goes down while it is not. At ${share('load_nudge')} it is worth a nudge, at ${share('load_break')} a break; under ${share('load_clear')} it is over. ${loadClaim}`;
    case 'hold':
      return 'A bent trunk that is held still: ISO 11226 accepts 4 minutes at 20°, 2 min 30 s at 40° and 1 minute at 60°, and three times as long to recover. This was held for longer. It is a second opinion and nudges nobody.';
    case 'sitting':
      return `Sitting is seen after ${time('sitting_soft')}, worth a short walk after ${time('sitting_prompt')} and a real break after ${time('sitting_break')}. Two minutes off the seat end it.`;
    case 'immobility':
      return `Sitting for ${time('still_for')} without shifting by ${deg('shift_deg')} and more. Even a good posture is better for being changed.`;
    case 'lean':
      return `Leaning to one side by over ${deg('lean_deg')} for ${time('lean_for')}, or by over ${deg('lean_far_deg')} for ${time('lean_far_for')}.`;
    case 'sudden_movement':
      return f.cause === 'fast'
        ? 'Your wearable reported a twist of 50° a second and more, or a bend of 60°, after holding still. It is shown so that you notice it: nobody knows from which speed on a movement hurts.'
        : 'Your wearable reported a jerk: 180° a second and more, or a knock of 1 g, after holding still. It is shown so that you notice it: nobody knows from which speed on a movement hurts.';
    case 'bending':
      return `Bending forward over 20° and back, ${limits.bends_per_minute ?? unknown} times a minute and more over ten minutes (EN 1005-4).`;
    case 'hydration':
      return `You asked to be reminded after ${time('hydration_every')} of wearing without a break.`;
    case 'offline':
      return 'No reading came for 10 minutes and more while the device was worn. It may have been taken off, switched off or out of reach. Nothing is judged in such a time.';
    case 'battery':
      return `The charge came down to ${limits.battery_low ?? unknown} % or less.`;
    case 'calibration':
      return `Angles count from your upright pose, so it has to be measured while you sit and stand well. ${calibrationFor(f.cause)}`;
  }
  return ''; // a rule of a newer server
}

const labels: Record<string, string> = {
  dwell_s: 'Leaning or slouching for', mean_flexion_deg: 'Mean flexion', flexion_deg: 'Forward flexion', curve_deg: 'Curve of the back', load: 'Load',
  hold: 'Of the accepted holding time', holding_time_s: 'Accepted at this angle', sitting_s: 'Sitting for', off_the_seat_s: 'Off the seat for',
  still_s: 'Without a shift for', lean_deg: 'Lean to the right', lean_s: 'To one side for', lean_far_s: 'Far to one side for', peak_dps: 'Fastest',
  range_deg: 'Turned by', duration_ms: 'Lasted', peak_off_1g: 'Knock', bends_in_10_min: 'Bends in ten minutes', worn_s: 'Worn for', silent_s: 'Without a reading for',
  battery_pct: 'Charge',
};

/** valueText writes a value of a receipt by the unit in its name. */
export function valueText(key: string, v: number): string {
  const short = (n: number) => String(Number(n.toFixed(2)));
  if (key === 'load' || key === 'hold') return percent(v);
  if (key.endsWith('_deg')) return `${v < 0 ? '−' : ''}${short(Math.abs(Math.round(10 * v) / 10))}°`;
  if (key.endsWith('_dps')) return `${short(v)}° a second`;
  if (key.endsWith('_pct')) return `${short(v)} %`;
  if (key.endsWith('_ms')) return `${short(v / 1000)} s`;
  if (key.endsWith('_mg')) return `${short(v / 1000)} g`;
  if (key.endsWith('_g') || key === 'peak_off_1g') return `${short(v)} g`;
  if (key.endsWith('_s')) return v > 0 && v < 1 ? `${short(v)} s` : seconds(v);
  return short(v);
}

/** Fact is a line of the receipt. */
export interface Fact {
  name: string;
  value: string;
}

// Zero of these says that there was nothing of it, or that the device did not say.
const empty = new Set(['off_the_seat_s', 'lean_far_s', 'peak_dps', 'range_deg', 'duration_ms', 'peak_off_1g']);

/** values are what tripped the rule. */
export function values(receipt: Receipt): Fact[] {
  const list = Object.entries(receipt.values ?? {}).filter(([key, v]) => v !== 0 || !empty.has(key));
  return list.map(([key, v]) => {
    if (key === 'lean_deg' && v < 0) return { name: 'Lean to the left', value: valueText(key, -v) };
    const plain = key.replace(/_(s|ms|min|deg|dps|pct|g|mg)$/, '').replaceAll('_', ' ');
    return { name: labels[key] ?? plain.charAt(0).toUpperCase() + plain.slice(1), value: valueText(key, v) };
  });
}

/** under is what a finding was judged by, and from which readings. */
export function under(receipt: Receipt, zone: string): Fact[] {
  const pose = receipt.calibration?.pose;
  const { from, to } = receipt;
  const day = (time: string) => dateIn(new Date(time), zone);
  const place = (p: Place) => {
    const when = `${day(p.time) === day(to.time) ? '' : `${shortDate(day(p.time))}, `}${clock(p.time, zone)}`;
    return `${p.seq.toLocaleString('en-GB')} of run ${p.boot}, ${when}`;
  };
  return [
    { name: 'Thresholds', value: receipt.parameters === 'default' ? 'the defaults' : `version ${receipt.parameters}` },
    { name: 'Calibration', value: pose ? `upright pose, ${pose}` : 'none in use' },
    { name: 'Device', value: from.device === to.device ? to.device : `${from.device}, then ${to.device}` },
    { name: 'Readings from', value: place(from) },
    { name: 'to', value: place(to) },
    { name: 'Judged by', value: `version ${receipt.version} of the rule, engine ${receipt.engine}` },
  ];
}

/** leftward reports whether a curve of the lean is drawn to the left. */
export const leftward = (f: Pick<Finding, 'rule' | 'cause'>) => f.rule === 'lean' && f.cause === 'left';

/** Threshold is a line that a curve is held to. */
export interface Threshold {
  value: number;
  text: string;
}

/** thresholds of the curve that a rule is about. */
export function thresholds(f: Pick<Finding, 'rule' | 'receipt'>): { angle: Threshold[]; load: Threshold[] } {
  const limits = f.receipt?.limits ?? {};
  const line = (key: string, of: (v: number) => Threshold) => (limits[key] === undefined ? [] : [of(Number(limits[key]))]);
  const angle = (v: number) => ({ value: v, text: degrees(v) });
  const share = (v: number) => ({ value: v, text: percent(v) });
  switch (f.rule) {
    case 'slouch':
      return { angle: curved(f) ? [] : line('slouch_deg', angle), load: [] };
    case 'load':
      return { angle: [], load: [...line('load_nudge', share), ...line('load_break', share)] };
    case 'hold':
      return { angle: [angle(20)], load: [] };
    case 'lean':
      return { angle: line('lean_deg', angle), load: [] };
    case 'bending':
      return { angle: [angle(20), angle(10)], load: [] };
    default:
      return { angle: [], load: [] };
  }
}

/** stepOf says what a finding did to its episode. */
export function stepOf(f: Pick<Finding, 'rule' | 'step' | 'level'>): string {
  switch (f.step) {
    case 'opened':
      return 'seen';
    case 'escalated':
      if (wordsOf(f.rule).kind === 'device') return 'asked for';
      return f.level >= 3 ? 'worth a break' : 'worth a nudge';
    case 'raised':
      return 'more severe';
    case 'risen':
      return 'left the seat';
    case 'closed':
      return 'over';
  }
  return f.step;
}

const order = ['opened', 'escalated', 'raised', 'risen', 'closed'];

/** inOrder puts the findings of an episode in order; those of one reading, too. */
export const inOrder = (list: Finding[]) =>
  [...list].sort((a, b) => Date.parse(a.time) - Date.parse(b.time) || order.indexOf(a.step) - order.indexOf(b.step) || a.level - b.level);

/** verdict says what judging again came to. */
export function verdict(r: Replay): string {
  const from = r.readings > 0 ? `, from ${r.readings.toLocaleString('en-GB')} ${r.readings === 1 ? 'reading' : 'readings'}` : '';
  switch (r.verdict) {
    case 'same':
      return `Judged again just now: the same${from}${r.recomputed ? ', with those that came late' : ''}.`;
    case 'differs':
      return `Judged again just now: not the same${from}.`;
    case 'missing':
      return 'Judged again just now: its readings do not give this any more.';
    case 'gone':
      return 'It cannot be judged again: its readings are not kept any more.';
    case 'other_engine':
      return 'It is not judged again: another version of the engine found it.';
    case 'no_receipt':
      return 'It cannot be judged again: it was kept without a receipt.';
  }
  return `Judged again just now: ${String(r.verdict).replaceAll('_', ' ')}.`;
}
