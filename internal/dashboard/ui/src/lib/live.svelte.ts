// A wearer's live events as state that the page can show.

import { api, type Posture } from './api';
import { extend, join, stored, traceFor, type Point } from './trace';

/** How the stream is doing. "quiet" is connected, but no reading came for a while. */
export type Link = 'connecting' | 'live' | 'quiet' | 'lost';

const quietAfter = 10_000; // ms without a posture

export class Live {
  link = $state<Link>('connecting');
  posture = $state.raw<Posture | undefined>(undefined);
  trace = $state.raw<Point[]>([]);
  /** late says that nothing was stored of the minute before: the trace begins with this page. */
  late = $state(false);

  #org: string;
  #wearer: string;
  #filled = false; // since the stream was last opened
  #stop = new AbortController();
  #source: EventSource;
  #silence: ReturnType<typeof setTimeout> | undefined;

  /** news is called for each finding and nudge. */
  constructor(org: string, wearer: string, news: (kind: 'finding' | 'nudge', data: unknown) => void) {
    this.#org = org;
    this.#wearer = wearer;
    this.#source = new EventSource(api.livePath(org, wearer));
    this.#source.onopen = () => {
      this.link = this.posture ? 'live' : 'quiet';
      this.#filled = false;
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
    this.#stop.abort();
    this.#source.close();
  }

  #take(p: Posture) {
    this.posture = p;
    this.link = 'live';
    this.trace = extend(this.trace, p);
    if (!this.#filled) void this.#fill(p.time);
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      if (this.link === 'live') this.link = 'quiet';
    }, quietAfter);
  }

  // The minute before the first posture is read from the store, once for each time
  // the stream opens. Without it the line begins here.
  async #fill(until: number) {
    this.#filled = true;
    try {
      const before = stored(await api.postures(this.#org, this.#wearer, until - traceFor, until, this.#stop.signal));
      this.late = before.length === 0;
      if (!this.late) this.trace = join(before, this.trace.filter((p) => p.at >= until));
    } catch {
      this.late = true;
    }
  }
}
