// What a receipt says, in words.

import type { CurvePoint, Finding, Receipt } from './api';
import { calibrationFor } from './rules';
import { clock, degrees, percent, seconds } from './words';

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

/** ruleText is the rule in words, with the limits it was judged by. */
export function ruleText(f: Pick<Finding, 'rule' | 'cause'>, limits: Record<string, string>): string {
  const deg = (key: string) => (limits[key] === undefined ? unknown : degrees(Number(limits[key])));
  const time = (key: string) => {
    const s = duration(limits[key] ?? '');
    return s === undefined ? unknown : seconds(s);
  };
  const share = (key: string) => (limits[key] === undefined ? unknown : percent(Number(limits[key])));
  switch (f.rule) {
    case 'slouch':
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
  dwell_s: 'Leaning or slouching for', flexion_deg: 'Forward flexion', mean_flexion_deg: 'Mean flexion', curve_deg: 'Curve of the back', load: 'Load',
  hold: 'Of the accepted holding time', bout_s: 'Sitting for', still_s: 'Without a shift for', lean_deg: 'Lean to the right', lean_s: 'To one side for',
  peak_dps: 'Fastest', range_deg: 'Turned by', duration_ms: 'Lasted', peak_g: 'Off 1 g by', bends: 'Bends in ten minutes', worn_s: 'Worn for', gap_s: 'Without a reading for',
  battery_pct: 'Charge', forward_deg: 'Forward of the earlier pose',
};

/** valueText writes a value of a receipt by the unit in its name. */
export function valueText(key: string, v: number): string {
  const short = (n: number) => String(Number(n.toFixed(2)));
  if (['load', 'hold', 'fast', 'slow'].includes(key) || key.endsWith('_share')) return percent(v);
  if (key.endsWith('_deg')) return `${v < 0 ? '−' : ''}${short(Math.abs(Math.round(10 * v) / 10))}°`;
  if (key.endsWith('_dps')) return `${short(v)}° a second`;
  if (key.endsWith('_pct')) return `${short(v)} %`;
  if (key.endsWith('_ms')) return `${short(v / 1000)} s`;
  if (key.endsWith('_min')) return seconds(60 * v);
  if (key.endsWith('_mg')) return `${short(v / 1000)} g`;
  if (key.endsWith('_g')) return `${short(v)} g`;
  if (key.endsWith('_s')) return v > 0 && v < 1 ? `${short(v)} s` : seconds(v);
  return short(v);
}

/** Fact is a line of the receipt. */
export interface Fact {
  name: string;
  value: string;
}

/** values are what tripped the rule. */
export function values(receipt: Receipt): Fact[] {
  return Object.entries(receipt.values ?? {}).map(([key, v]) => {
    const plain = key.replace(/_(s|ms|min|deg|dps|pct|g|mg)$/, '').replaceAll('_', ' ');
    return { name: labels[key] ?? plain.charAt(0).toUpperCase() + plain.slice(1), value: valueText(key, v) };
  });
}

/** under is what a finding was judged by, and from which readings. */
export function under(receipt: Receipt, zone: string): Fact[] {
  const count = (n: number) => n.toLocaleString('en-GB');
  const pose = receipt.calibration?.pose;
  const { from, to } = receipt;
  const same = from.device === to.device && from.boot === to.boot;
  return [
    { name: 'Thresholds', value: receipt.parameters === 'default' ? 'the defaults' : `version ${receipt.parameters}` },
    { name: 'Calibration', value: pose ? `upright pose, ${pose}` : 'none was needed' },
    {
      name: 'Readings',
      value: `${same ? `${count(from.seq)} to ${count(to.seq)}` : `${count(from.seq)} of run ${from.boot} to ${count(to.seq)} of run ${to.boot}`}, ${clock(from.time, zone)} to ${clock(to.time, zone)}`,
    },
    { name: 'Device', value: same ? `${to.device}, run ${to.boot}` : from.device === to.device ? to.device : `${from.device}, then ${to.device}` },
    { name: 'Judged by', value: `version ${receipt.version} of the rule, engine ${receipt.engine}` },
  ];
}

/** at is a point's time in ms since 1970. */
export const at = (p: CurvePoint) => (typeof p.time === 'number' ? p.time : Date.parse(p.time));

/** Threshold is a line that a curve is held to. */
export interface Threshold {
  value: number;
  text: string;
}

/** thresholds of the curve that a rule is about. */
export function thresholds(f: Pick<Finding, 'rule' | 'cause'>, limits: Record<string, string>): { flexion: Threshold[]; lean: Threshold[]; load: Threshold[] } {
  const line = (key: string, of: (v: number) => Threshold) => (limits[key] === undefined ? [] : [of(Number(limits[key]))]);
  const angle = (v: number) => ({ value: v, text: degrees(v) });
  const share = (v: number) => ({ value: v, text: percent(v) });
  const none = { flexion: [], lean: [], load: [] };
  switch (f.rule) {
    case 'slouch':
      return { ...none, flexion: line('slouch_deg', angle) };
    case 'load':
      return { ...none, load: [...line('load_nudge', share), ...line('load_break', share)] };
    case 'hold':
      return { ...none, flexion: [angle(20)] };
    case 'lean': {
      const side = f.cause === 'left' ? -1 : 1;
      return { ...none, lean: line('lean_deg', (v) => ({ value: side * v, text: degrees(v) })) };
    }
    case 'bending':
      return { ...none, flexion: [angle(20), angle(10)] };
    default:
      return none;
  }
}

/** verdict says what judging again came to. */
export function verdict(replay: { same: boolean; reason?: string; judged?: number }): string {
  const reason = replay.reason?.trim().replace(/\.$/, '');
  if (replay.same) {
    const n = replay.judged ?? 0;
    return `Judged again just now: the same${n > 0 ? `, from ${n.toLocaleString('en-GB')} ${n === 1 ? 'reading' : 'readings'}` : ''}.`;
  }
  const because = reason ? ` ${reason.charAt(0).toUpperCase()}${reason.slice(1)}.` : '';
  return `${replay.judged ? 'Judged again just now: not the same.' : 'It could not be judged again.'}${because}`;
}
