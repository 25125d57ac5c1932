// The chart of a finding: the flexion, or the lean, that was judged, with the
// threshold and the moments of the episode, and the load under it where the rule is
// about it.

import type { CurvePoint, Finding } from './api';
import type { Option } from './chart.svelte';
import { tip } from './dayoption';
import { leftward, stepOf, thresholds, type Threshold } from './why';
import { clockSeconds, degrees, percent } from './words';

type Ink = (name: string) => string;
type Line = [number, number | null][];

const font = 'ui-sans-serif, system-ui, sans-serif';
const loadHeight = 70; // pixels

/** line is a curve that breaks at a hole: over 5 s more than there is between points. */
export function line(curve: CurvePoint[], of: (p: CurvePoint) => number | undefined): Line {
  const times = curve.map((p) => Date.parse(p.time));
  const apart = times.slice(1).map((t, i) => t - (times[i] ?? t));
  const usual = Math.min(...apart);
  return curve.flatMap((p, i): Line => {
    const t = times[i] ?? 0;
    const before = times[i - 1];
    const point: Line = [[t, of(p) ?? null]];
    return before !== undefined && t - before > 5000 + usual ? [[before + 1, null], ...point] : point;
  });
}

/** What the chart of a finding is drawn of. */
export interface Drawn {
  curve: CurvePoint[];
  finding: Finding;
  episode: Finding[]; // all its findings
  zone: string;
}

/** hasLoad reports whether the load is drawn, too. */
export const hasLoad = (f: Finding, curve: CurvePoint[]) => ['slouch', 'hold', 'load'].includes(f.rule) && curve.some((p) => p.load !== undefined);

/** whyOption is the option of the chart. */
export function whyOption({ curve, finding: f, episode, zone }: Drawn, ink: Ink, narrow: boolean): Option {
  const held = thresholds(f);
  const sideways = f.rule === 'lean';
  const side = leftward(f) ? -1 : 1;
  const loaded = hasLoad(f, curve);
  const angle = line(curve, (p) => (sideways ? side * p.lean_deg : p.flexion_deg));
  const all = [...angle.flatMap(([, v]) => (v === null ? [] : [v])), ...held.angle.map((l) => l.value), 0];
  const lowest = Math.min(...all);
  const highest = Math.max(...all) + 3;
  const interval = highest - lowest > 45 ? 20 : 10;
  const floor = Math.floor(lowest / interval) * interval;
  const top = Math.ceil(highest / interval) * interval;
  const from = angle[0]?.[0] ?? 0;
  const proved = Date.parse(f.time);
  const to = Math.max(angle.at(-1)?.[0] ?? 0, proved);
  const label = { color: ink('muted'), fontFamily: font, fontSize: 12 };
  const x = (gridIndex: number, show: boolean) => ({
    type: 'time', gridIndex, min: from, max: to, splitNumber: narrow ? 3 : 5,
    axisLine: { show: false }, axisTick: { show: false },
    axisLabel: { show, ...label, formatter: (v: number) => clockSeconds(v, zone, to - from > 20 * 60_000), hideOverlap: true, showMinLabel: false, showMaxLabel: false, margin: 10 },
    splitLine: { show: false },
    axisPointer: { show: true, label: { show: false }, lineStyle: { color: ink('muted'), type: 'solid', width: 1 } },
  });
  const y = (gridIndex: number, more: object) => ({
    type: 'value', gridIndex, axisLine: { show: false }, axisTick: { show: false }, splitLine: { show: true, lineStyle: { color: ink('line'), width: 1 } }, ...more,
  });
  const edge = { left: 46, right: narrow ? 24 : 26, outerBoundsMode: 'none' };
  const dashed = (t: Threshold) => ({
    yAxis: t.value, lineStyle: { color: ink('warn'), type: [5, 5], width: 1.2 },
    label: { formatter: t.text, position: 'insideStartTop', color: ink('warn'), fontSize: 11, fontFamily: font },
  });
  // The moments go through both charts; the one that is explained is named over them.
  const main = {
    xAxis: proved, lineStyle: { color: ink('ink'), type: 'solid', width: 1.2 },
    label: { formatter: `${stepOf(f)}, ${clockSeconds(proved, zone, false)}`, position: 'end', distance: 4, align: proved - from > (to - from) / 2 ? 'right' : 'left', color: ink('ink'), fontSize: 11.5, fontFamily: font },
  };
  const others = episode.filter((e) => e.id !== f.id && Date.parse(e.time) < proved && Date.parse(e.time) > from);
  const moments = others.map((e) => ({ xAxis: Date.parse(e.time), lineStyle: { color: ink('muted'), type: [2, 3], width: 1.2 }, label: { show: false } }));
  const shade = { silent: true, itemStyle: { color: ink('ink'), opacity: 0.05 }, data: [[{ xAxis: Math.max(from, Date.parse(f.start)) }, { xAxis: proved }]] };
  const curveOf = (grid: number, data: Line, colour: string, lines: Threshold[], named: boolean) => ({
    type: 'line', xAxisIndex: grid, yAxisIndex: grid, data, showSymbol: false, connectNulls: false, emphasis: { disabled: true }, silent: true,
    itemStyle: { color: ink(colour) }, lineStyle: { width: 1.8, join: 'round', color: ink(colour) }, areaStyle: { opacity: 0.1, origin: 0, color: ink(colour) },
    markLine: { silent: true, symbol: 'none', animation: false, data: [...lines.map(dashed), ...moments, named ? main : { ...main, label: { show: false } }] },
    markArea: shade,
  });

  return {
    animation: false,
    textStyle: { fontFamily: font },
    grid: [
      { ...edge, top: 26, bottom: 30 + (loaded ? loadHeight + 24 : 0) },
      ...(loaded ? [{ ...edge, height: loadHeight, bottom: 30 }] : []),
    ],
    xAxis: [x(0, !loaded), ...(loaded ? [x(1, true)] : [])],
    yAxis: [
      y(0, { min: floor, max: top, interval, axisLabel: { ...label, formatter: degrees } }),
      ...(loaded ? [y(1, { min: 0, max: 1, interval: 0.5, axisLabel: { ...label, formatter: percent, showMinLabel: false } })] : []),
    ],
    axisPointer: { link: [{ xAxisIndex: 'all' }] },
    tooltip: {
      trigger: 'axis', confine: true, padding: [8, 12], transitionDuration: 0,
      backgroundColor: ink('card'), borderColor: ink('line'), borderWidth: 1, textStyle: { color: ink('ink'), fontFamily: font },
      formatter: (params: unknown) => {
        const t = (params as { axisValue?: number }[])[0]?.axisValue;
        return t === undefined ? '' : about(curve, Number(t), zone, sideways ? side : 0);
      },
    },
    series: [
      curveOf(0, angle, 'accent', held.angle, true),
      ...(loaded ? [curveOf(1, line(curve, (p) => p.load), 'load', held.load, false)] : []),
    ],
  };
}

/** about says what there is at a time; side is 1 or -1 if it is about a lean. */
function about(curve: CurvePoint[], t: number, zone: string, side: number): HTMLElement {
  const far = (p: CurvePoint) => Math.abs(Date.parse(p.time) - t);
  const p = curve.reduce<CurvePoint | undefined>((best, o) => (!best || far(o) < far(best) ? o : best), undefined);
  const lines: string[] = [];
  if (p) lines.push(side === 0 ? `${degrees(p.flexion_deg)} flexion` : `${degrees(side * p.lean_deg)} to the ${side < 0 ? 'left' : 'right'}`);
  if (p?.load !== undefined) lines.push(`load ${percent(p.load)}`);
  return tip(clockSeconds(t, zone, false), ...lines);
}
