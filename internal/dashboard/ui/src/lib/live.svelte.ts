// A wearer's live events as state that the page can show.

import { api, type Posture } from './api';

/** How the stream is doing. "quiet" is connected, but no reading came for a while. */
export type Link = 'connecting' | 'live' | 'quiet' | 'lost';

const quietAfter = 10_000; // ms without a posture
const traceFor = 60_000; // ms of flexion that are kept

export interface Point {
  at: number; // ms since 1970, event time
  deg: number;
}

export class Live {
  link = $state<Link>('connecting');
  posture = $state.raw<Posture | undefined>(undefined);
  trace = $state.raw<Point[]>([]);

  #source: EventSource;
  #silence: ReturnType<typeof setTimeout> | undefined;

  /** news is called for each finding and nudge. */
  constructor(org: string, wearer: string, news: (kind: 'finding' | 'nudge', data: unknown) => void) {
    this.#source = new EventSource(api.livePath(org, wearer));
    this.#source.onopen = () => {
      this.link = this.posture ? 'live' : 'quiet';
    };
    this.#source.onerror = () => {
      this.link = 'lost'; // the browser tries again by itself
    };
    this.#source.addEventListener('posture', (e) => this.#take(JSON.parse(e.data) as Posture));
    for (const kind of ['finding', 'nudge'] as const) {
      this.#source.addEventListener(kind, (e) => news(kind, JSON.parse(e.data)));
    }
  }

  close() {
    clearTimeout(this.#silence);
    this.#source.close();
  }

  #take(p: Posture) {
    this.posture = p;
    this.link = 'live';
    const kept = this.trace.filter((o) => o.at > p.time - traceFor && o.at < p.time);
    if (p.shown && p.worn) kept.push({ at: p.time, deg: p.flexion_deg });
    this.trace = kept;
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      if (this.link === 'live') this.link = 'quiet';
    }, quietAfter);
  }
}
