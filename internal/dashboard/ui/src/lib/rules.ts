// What the rules are called, and what an episode says, in words that people read.

import type { Episode, Rule } from './api';
import { degrees, seconds } from './words';

/** Kind groups rules that look alike on the page. */
export type Kind = 'posture' | 'load' | 'sitting' | 'movement' | 'care' | 'device';

interface Words {
  name: string;
  tag: string; // in a word or two, beside a nudge
  kind: Kind;
  /** lasts says that its length means something. */
  lasts: boolean;
}

const rules: Record<Rule, Words> = {
  slouch: { name: 'Leaning or slouching', tag: 'Posture', kind: 'posture', lasts: true },
  load: { name: 'Load on the back', tag: 'Load', kind: 'load', lasts: true },
  hold: { name: 'Held position', tag: 'Posture', kind: 'posture', lasts: false }, // its length is that of the rest after it, too
  sitting: { name: 'Long sitting', tag: 'Sitting', kind: 'sitting', lasts: true },
  immobility: { name: 'Sitting still', tag: 'Sitting still', kind: 'sitting', lasts: true },
  lean: { name: 'Leaning to one side', tag: 'Balance', kind: 'posture', lasts: true },
  sudden_movement: { name: 'Sudden movement', tag: 'Movement', kind: 'movement', lasts: false },
  bending: { name: 'Repeated bending', tag: 'Bending', kind: 'movement', lasts: true },
  hydration: { name: 'Time for a drink', tag: 'Drink', kind: 'care', lasts: false },
  offline: { name: 'Offline', tag: 'Wearable', kind: 'device', lasts: true },
  battery: { name: 'Battery low', tag: 'Wearable', kind: 'device', lasts: false },
  calibration: { name: 'Calibration needed', tag: 'Wearable', kind: 'device', lasts: false },
};

/** wordsOf a rule; one of a newer server is called as it calls itself. */
export function wordsOf(rule: string): Words {
  return rules[rule as Rule] ?? { name: rule.replaceAll('_', ' '), tag: rule.replaceAll('_', ' '), kind: 'device', lasts: true };
}

/** nameOf is what an episode or a finding is called, with its cause. */
export function nameOf(e: { rule: string; cause?: string }): string {
  if (e.rule === 'lean' && e.cause) return `Leaning to the ${e.cause}`;
  if (e.rule === 'sudden_movement' && e.cause === 'fast') return 'Fast movement';
  return wordsOf(e.rule).name;
}

// What to do about an upright pose that was refused, or can no longer be trusted.
const calibrations: Record<string, string> = {
  moving: 'You moved while the upright pose was measured. Hold still for 10 seconds and measure it again.',
  slouched: 'The pose that was measured leans forward. Sit up tall and measure it again. If you were upright, take the sensor off for 10 seconds first: then it starts afresh.',
  wrong_pose: 'You sat while the standing pose was measured, or stood for the seated one. Measure it again in the right pose.',
  degenerate: 'The sensor pointed where no upright back does. See that it sits as it should, then measure your upright pose again.',
  too_few: 'Hardly a reading came while the pose was measured. Stay near, and measure it again.',
  drift: 'Your sensor seems to have moved. Measure your upright pose again: until then posture is shown and not judged.',
  rewear: 'You put the sensor on anew. Measure your upright pose: until then posture is shown and not judged.',
};

/** calibrationFor says what to do. */
export const calibrationFor = (cause: string | undefined) => calibrations[cause ?? ''] ?? 'Measure your upright pose again.';

const outcomes: Record<string, string> = {
  recovered: 'upright again',
  moved: 'moved',
  break: 'took a break',
  standing: 'stood up',
  unknown: 'no more readings',
  shifted: 'shifted',
  momentary: 'over at once',
  back: 'readings came again',
  charged: 'charged',
  calibrated: 'a new upright pose was measured',
};

// Where recovery is not being upright again.
const recoveries: Partial<Record<string, string>> = { load: 'it went down', hold: 'rested', lean: 'back in the middle', bending: 'bent less often' };

/** outcome says how an episode ended. */
export function outcome(word: string | undefined, rule?: string): string {
  if (!word) return '';
  return (word === 'recovered' ? recoveries[rule ?? ''] : undefined) ?? outcomes[word] ?? word;
}

/** lengthOf is how long an episode lasted, or "" where its length says nothing. */
export const lengthOf = (e: Episode) => (wordsOf(e.rule).lasts && e.seconds >= 1 ? seconds(e.seconds) : '');

/** aboutEpisode is the line under an episode's name. */
export function aboutEpisode(e: Episode): string {
  if (e.rule === 'calibration' && !e.end) return calibrationFor(e.cause);
  if (e.rule === 'battery' && !e.end) return 'Charge the wearable soon.';
  if (e.rule === 'sudden_movement') return e.cause === 'fast' ? 'a quick twist or bend after holding still' : 'a jerk';
  const begin: Partial<Record<Rule, string>> = {
    hold: 'longer than ISO 11226 accepts at that angle',
    immobility: 'without a shift of posture',
    bending: 'again and again over ten minutes',
    hydration: 'a while since the last break',
    offline: 'not worn, or out of reach',
  };
  const first = e.rule === 'slouch' && e.flexion_deg ? `at ${degrees(e.flexion_deg)}` : begin[e.rule];
  const end = e.end ? outcome(e.outcome, e.rule) || 'over' : e.rule === 'hydration' ? '' : 'still going on';
  return first && end ? `${first}, ${e.end ? `then ${end}` : end}` : (first ?? end);
}

/** weight is how severe an episode was, 1 to 3; 0 where that has no meaning. */
export function weight(e: Pick<Episode, 'rule' | 'severity'>): 0 | 1 | 2 | 3 {
  const kind = wordsOf(e.rule).kind;
  if (kind === 'device' || kind === 'care') return 0;
  return e.severity === 'severe' ? 3 : e.severity === 'moderate' ? 2 : e.severity === 'mild' ? 1 : 0;
}
