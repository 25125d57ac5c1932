// Numbers and times in words. Times of day are always those of a zone, never of
// the machine the page is looked at on.

const locale = 'en-GB';

/** minutes: 386 becomes "6 h 26 min", 0.4 "under 1 min". */
export function minutes(n: number): string {
  if (n > 0 && n < 1) return 'under 1 min';
  const whole = Math.round(n);
  const h = Math.floor(whole / 60);
  const m = whole % 60;
  if (h === 0) return `${m} min`;
  return m === 0 ? `${h} h` : `${h} h ${m} min`;
}

/** seconds: 48 becomes "48 s", 130 becomes "2 min 10 s", 5400 becomes "1 h 30 min". */
export function seconds(n: number): string {
  const whole = Math.round(n);
  if (whole < 60) return `${whole} s`;
  if (whole >= 3600) return minutes(whole / 60);
  const m = Math.floor(whole / 60);
  const s = whole % 60;
  return s === 0 ? `${m} min` : `${m} min ${s} s`;
}

/** degrees: with a real minus sign. */
export function degrees(n: number): string {
  const whole = Math.round(n);
  return `${whole < 0 ? '−' : ''}${Math.abs(whole)}°`;
}

/** percent: 0.42 becomes "42 %". */
export const percent = (share: number) => `${Math.round(100 * share)} %`;

const clocks = new Map<string, Intl.DateTimeFormat>();

/** clock is the time of day of an instant in a zone: 09:05. */
export function clock(at: Date | string | number, zone: string): string {
  let f = clocks.get(zone);
  if (!f) {
    f = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone: zone });
    clocks.set(zone, f);
  }
  return f.format(new Date(at));
}

/** clockSeconds is the time of day with seconds, 09:05:30, unless it is of a long stretch. */
export function clockSeconds(at: number, zone: string, long: boolean): string {
  return long ? clock(at, zone) : `${clock(at, zone)}:${String(Math.floor(at / 1000) % 60).padStart(2, '0')}`;
}

/** dateIn is the day of an instant in a zone: 2026-11-20. */
export function dateIn(at: Date, zone: string): string {
  return new Intl.DateTimeFormat('en-CA', { year: 'numeric', month: '2-digit', day: '2-digit', timeZone: zone }).format(at);
}

/** shift moves a date by days: shift('2026-11-20', -1) is 2026-11-19. */
export function shift(date: string, days: number): string {
  const at = new Date(`${date}T12:00:00Z`);
  at.setUTCDate(at.getUTCDate() + days);
  return at.toISOString().slice(0, 10);
}

/** longDate: Friday 20 November 2026. */
export function longDate(date: string): string {
  return new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' })
    .format(new Date(`${date}T12:00:00Z`))
    .replace(',', ''); // some versions of the data have it, some not
}

/** shortDate: Fri 20 Nov. */
export function shortDate(date: string): string {
  return new Intl.DateTimeFormat(locale, { weekday: 'short', day: 'numeric', month: 'short', timeZone: 'UTC' })
    .format(new Date(`${date}T12:00:00Z`))
    .replace(',', '');
}

/** span of dates: 9 to 15 November 2026. */
export function dateSpan(from: string, to: string): string {
  const at = (date: string, options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(locale, { ...options, timeZone: 'UTC' }).format(new Date(`${date}T12:00:00Z`));
  const end = at(to, { day: 'numeric', month: 'long', year: 'numeric' });
  if (from.slice(0, 7) === to.slice(0, 7)) return `${at(from, { day: 'numeric' })} to ${end}`;
  return `${at(from, { day: 'numeric', month: 'long' })} to ${end}`;
}

const replies: Record<string, string> = { done: 'Done', snooze: 'Snoozed' };

/** reply says what the wearer answered. */
export function reply(word: string | undefined): string {
  return word ? (replies[word] ?? word) : '';
}

/** sentence begins with a capital and ends with a stop. */
export function sentence(text: string): string {
  const t = text.trim();
  if (!t) return '';
  return t.charAt(0).toUpperCase() + t.slice(1) + (/[.!?]$/.test(t) ? '' : '.');
}

/** zoneName names a zone for people. The signs of the Etc zones are the wrong way
 *  round for everyone but POSIX, so those are said as their distance from UTC. */
export function zoneName(zone: string): string {
  if (!zone.startsWith('Etc/')) return zone.replaceAll('_', ' ');
  const part = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'shortOffset' }).formatToParts().find((p) => p.type === 'timeZoneName');
  return (part?.value ?? zone).replace('GMT', 'UTC').replace(/\+0$/, '').replace('-', '−');
}
