// The chart of a finding: the flexion, or the lean, that was judged, with the
// threshold and the moments of the episode, and the load under it where the rule is
// about it.

import type { CurvePoint, Finding } from './api';
import type { Option } from './chart.svelte';
import { tip } from './dayoption';
import { at, thresholds, type Threshold } from './why';
import { clockSeconds, degrees, percent } from './words';

type Ink = (name: string) => string;
type Line = [number, number | null][];

const font = 'ui-sans-serif, system-ui, sans-serif';
const loadHeight = 70; // pixels

/** line is a curve that breaks where nothing is known, or no reading came for over 5 s
 *  more than is usual between its points. */
export function line(curve: CurvePoint[], of: (p: CurvePoint) => number | null | undefined): Line {
  const times = curve.map(at);
  const usual = times.length > 1 ? ((times.at(-1) ?? 0) - (times[0] ?? 0)) / (times.length - 1) : 0;
  return curve.flatMap((p, i): Line => {
    const t = times[i] ?? 0;
    const before = times[i - 1];
    const point: Line = [[t, of(p) ?? null]];
    return before !== undefined && t - before > 5000 + 2 * usual ? [[before + 1, null], ...point] : point;
  });
}

/** hasCurve reports whether there is anything to draw. */
export const hasCurve = (curve: CurvePoint[] | null | undefined) => (curve ?? []).filter((p) => p.flexion_deg !== null).length >= 2;

/** whyOption is the option of the chart. moment says what happened at the finding's time. */
export function whyOption(curve: CurvePoint[], f: Finding, limits: Record<string, string>, zone: string, moment: string, ink: Ink, narrow: boolean): Option {
  const held = thresholds(f, limits);
  const sideways = f.rule === 'lean' && curve.some((p) => p.lean_deg !== null && p.lean_deg !== undefined);
  const loaded = ['slouch', 'hold', 'load'].includes(f.rule) && curve.some((p) => p.load !== null);
  const angle = line(curve, (p) => (sideways ? p.lean_deg : p.flexion_deg));
  const limitsOf = sideways ? held.lean : held.flexion;
  const all = [...angle.flatMap(([, v]) => (v === null ? [] : [v])), ...limitsOf.map((l) => l.value), 0];
  const floor = Math.floor((Math.min(...all) - 2) / 10) * 10;
  const top = Math.ceil((Math.max(...all) + 3) / 10) * 10;
  const from = angle[0]?.[0] ?? 0;
  const to = Math.max(angle.at(-1)?.[0] ?? 0, Date.parse(f.time));
  const label = { color: ink('muted'), fontFamily: font, fontSize: 12 };
  const x = (gridIndex: number, show: boolean) => ({
    type: 'value', gridIndex, min: from, max: to, splitNumber: narrow ? 3 : 5,
    axisLine: { show: false }, axisTick: { show: false },
    axisLabel: { show, ...label, formatter: (v: number) => clockSeconds(v, zone, to - from > 20 * 60_000), hideOverlap: true, showMinLabel: false, showMaxLabel: false, margin: 10 },
    splitLine: { show: false },
    axisPointer: { show: true, label: { show: false }, lineStyle: { color: ink('muted'), type: 'solid', width: 1 } },
  });
  const y = (gridIndex: number, more: object) => ({
    type: 'value', gridIndex, axisLine: { show: false }, axisTick: { show: false }, splitLine: { show: true, lineStyle: { color: ink('line'), width: 1 } }, ...more,
  });
  const side = { left: 44, right: 14, outerBoundsMode: 'none' };
  const dashed = (t: Threshold) => ({
    yAxis: t.value, lineStyle: { color: ink('warn'), type: [5, 5], width: 1.2 },
    label: { formatter: t.text, position: 'insideStartTop', color: ink('warn'), fontSize: 11, fontFamily: font },
  });
  // The moment stands over the upper chart and goes through both.
  const mark = (words: string) => ({
    xAxis: Date.parse(f.time), lineStyle: { color: ink('ink'), type: 'solid', width: 1.2 },
    label: { formatter: words, position: 'end', distance: 4, align: 'right', color: ink('ink'), fontSize: 11.5, fontFamily: font },
  });
  const shade = { silent: true, itemStyle: { color: ink('ink'), opacity: 0.05 }, data: [[{ xAxis: Math.max(from, Date.parse(f.start)) }, { xAxis: Date.parse(f.time) }]] };
  const curveOf = (grid: number, data: Line, colour: string, lines: Threshold[], words: string) => ({
    type: 'line', xAxisIndex: grid, yAxisIndex: grid, data, showSymbol: false, connectNulls: false, emphasis: { disabled: true }, silent: true,
    lineStyle: { width: 1.8, join: 'round', color: ink(colour) }, areaStyle: { opacity: 0.1, origin: 0, color: ink(colour) },
    markLine: { silent: true, symbol: 'none', animation: false, data: [...lines.map(dashed), mark(words)] },
    markArea: shade,
  });

  return {
    animation: false,
    textStyle: { fontFamily: font },
    grid: [
      { ...side, top: 26, bottom: 30 + (loaded ? loadHeight + 24 : 0) },
      ...(loaded ? [{ ...side, height: loadHeight, bottom: 30 }] : []),
    ],
    xAxis: [x(0, !loaded), ...(loaded ? [x(1, true)] : [])],
    yAxis: [
      y(0, { min: floor, max: top, interval: top - floor > 50 ? 20 : 10, axisLabel: { ...label, formatter: degrees } }),
      ...(loaded ? [y(1, { min: 0, max: 1, interval: 0.5, axisLabel: { ...label, formatter: percent, showMinLabel: false } })] : []),
    ],
    axisPointer: { link: [{ xAxisIndex: 'all' }] },
    tooltip: {
      trigger: 'axis', confine: true, padding: [8, 12], transitionDuration: 0,
      backgroundColor: ink('card'), borderColor: ink('line'), borderWidth: 1, textStyle: { color: ink('ink'), fontFamily: font },
      formatter: (params: unknown) => {
        const t = (params as { axisValue?: number }[])[0]?.axisValue;
        return t === undefined ? '' : about(curve, Number(t), zone, sideways);
      },
    },
    series: [
      curveOf(0, angle, 'accent', limitsOf, moment),
      ...(loaded ? [curveOf(1, line(curve, (p) => p.load), 'load', held.load, '')] : []),
    ],
  };
}

function about(curve: CurvePoint[], t: number, zone: string, sideways: boolean): HTMLElement {
  const p = curve.reduce<CurvePoint | undefined>((best, o) => (!best || Math.abs(at(o) - t) < Math.abs(at(best) - t) ? o : best), undefined);
  const angle = sideways ? p?.lean_deg : p?.flexion_deg;
  const lines = angle === null || angle === undefined ? ['no posture'] : [`${degrees(angle)} ${sideways ? 'to the right' : 'flexion'}`];
  if (p && p.load !== null) lines.push(`load ${percent(p.load)}`);
  return tip(clockSeconds(t, zone, false), ...lines);
}
