// The chart of a day: a band of what was done, the episodes under it, the curve of
// flexion with the nudges, and that of the load, on one axis of minutes since midnight.

import type { Day, Nudge, Rule } from './api';
import type { Option } from './chart.svelte';
import { nameOf, outcome } from './rules';
import { axis, band, bars, flexion, load, minuteAt, position, slouchFrom, type Bar } from './shape';
import { clock, degrees, percent, seconds } from './words';

type Ink = (name: string) => string;

interface Place {
  coord: (at: [number, number]) => [number, number];
  value: (i: number) => number;
}

/** tip makes the text of a tooltip: elements and not HTML, so that nothing in a
 *  name or a reason can be markup, and no style is inline. */
export function tip(...lines: [strong: string, ...rest: string[]]): HTMLElement {
  const box = document.createElement('div');
  box.className = 'tip';
  lines.forEach((text, i) => {
    const line = document.createElement(i === 0 ? 'strong' : 'span');
    line.textContent = text;
    box.append(line);
  });
  return box;
}

const font = 'ui-sans-serif, system-ui, sans-serif';
const nudgeHeight = 44; // degrees; above the curve
const loadHeight = 62; // pixels, as all of these
const below = 34; // for the hours

// The lanes of episodes, from the top. A held position goes with a slouch and is
// named at the pointer alone.
const lanes: { rules: Rule[]; colour: string }[] = [
  { rules: ['sitting'], colour: 'sitting' },
  { rules: ['slouch'], colour: 'warn' },
  { rules: ['immobility', 'lean', 'bending'], colour: 'muted' },
];
const all: Rule[] = ['slouch', 'load', 'hold', 'sitting', 'immobility', 'lean', 'bending', 'offline'];

/** dayOption is the option of the chart. */
export function dayOption(day: Day, now: number, ink: Ink, narrow: boolean): Option {
  const { min, max } = axis(day, now);
  const zero = Date.parse(day.from);
  const at = (x: number) => clock(zero + x * 60000, day.zone);
  const left = narrow ? 43 : 46;
  // The grids must stay aligned, so none may shrink for its labels.
  const side = { left, right: narrow ? 22 : 20, outerBoundsMode: 'none' };
  const label = { color: ink('muted'), fontFamily: font, fontSize: 12 };
  const grid = { show: true, lineStyle: { color: ink('line'), width: 1 } };
  const x = (gridIndex: number, show: boolean) => ({
    type: 'value', gridIndex, min, max,
    interval: max - min > (narrow ? 300 : 720) ? 120 : 60,
    axisLine: { show: false }, axisTick: { show: false },
    axisLabel: { show, ...label, formatter: at, hideOverlap: true, margin: 12 },
    splitLine: { ...grid, show },
    axisPointer: { show: true, label: { show: false }, lineStyle: { color: ink('muted'), type: 'solid', width: 1 } },
  });
  const hidden = { type: 'value', min: 0, max: 1, axisLabel: { show: false }, splitLine: { show: false }, axisTick: { show: false }, axisLine: { show: false } };
  const line = flexion(day);
  const highest = line.reduce((top, [, deg]) => Math.max(top, deg ?? 0), 30);
  const top = Math.max(nudgeHeight + 4, Math.ceil(highest / 10) * 10 + 10);

  return {
    animation: false,
    textStyle: { fontFamily: font },
    grid: [
      { ...side, top: 8, height: 40 },
      { ...side, top: 54, height: 30 },
      { ...side, top: 98, bottom: below + loadHeight + 22 },
      { ...side, height: loadHeight, bottom: below },
    ],
    xAxis: [x(0, false), x(1, false), { ...x(2, false), splitLine: grid }, x(3, true)],
    yAxis: [
      { ...hidden, gridIndex: 0 },
      { ...hidden, gridIndex: 1 },
      {
        type: 'value', gridIndex: 2, min: -10, max: top, interval: 10,
        axisLabel: { ...label, formatter: (v: number) => (v % 20 === 0 && v < top ? degrees(v) : '') },
        axisLine: { show: false }, axisTick: { show: false },
        splitLine: { show: false },
      },
      {
        type: 'value', gridIndex: 3, min: 0, max: 1, interval: 0.5,
        axisLabel: { ...label, formatter: (v: number) => percent(v).replace(' ', narrow ? '' : '\u2009'), showMinLabel: false },
        axisLine: { show: false }, axisTick: { show: false }, splitLine: grid,
      },
    ],
    axisPointer: { link: [{ xAxisIndex: 'all' }] },
    tooltip: {
      trigger: 'axis', confine: true, padding: [8, 12], transitionDuration: 0,
      backgroundColor: ink('card'), borderColor: ink('line'), borderWidth: 1,
      textStyle: { color: ink('ink'), fontFamily: font },
      formatter: (params: unknown) => {
        const x = (params as { axisValue?: number }[])[0]?.axisValue;
        return x === undefined ? '' : about(day, Number(x), at, now);
      },
    },
    visualMap: {
      show: false, type: 'piecewise', seriesIndex: 1 + lanes.length, dimension: 1,
      pieces: [{ gte: -180, lt: slouchFrom, color: ink('accent') }, { gte: slouchFrom, lte: 180, color: ink('warn') }],
    },
    series: [
      {
        type: 'custom', xAxisIndex: 0, yAxisIndex: 0, clip: true, silent: true,
        data: band(day).map((p) => [p.x0, p.y0, p.x1, p.y1, p.state]),
        encode: { x: [0, 2], y: [1, 3] },
        renderItem: rect([ink('sitting'), ink('standing'), ink('moving'), ink('notworn')], 0),
      },
      ...lanes.map(({ rules, colour }, i) => episodes(bars(day, rules, now), lanes.length - 1 - i, ink(colour))),
      {
        type: 'line', xAxisIndex: 2, yAxisIndex: 2, data: line, showSymbol: false, connectNulls: false,
        lineStyle: { width: 1.8, join: 'round' }, areaStyle: { opacity: 0.1, origin: 0 }, emphasis: { disabled: true },
        markLine: {
          silent: true, symbol: 'none', animation: false,
          data: [
            { yAxis: slouchFrom, lineStyle: { color: ink('warn'), type: [5, 5], width: 1 }, label: { formatter: '15°', position: 'insideStartTop', color: ink('warn'), fontSize: 11, fontFamily: font } },
            { yAxis: 0, lineStyle: { color: ink('line'), type: 'solid', width: 1 }, label: { show: false } },
          ],
        },
      },
      nudges(day, 'sent', ink, top - 5),
      nudges(day, 'held', ink, top - 5),
      {
        type: 'line', xAxisIndex: 3, yAxisIndex: 3, data: load(day), showSymbol: false, connectNulls: false, silent: true,
        itemStyle: { color: ink('load') }, lineStyle: { width: 1.6, join: 'round', color: ink('load') }, areaStyle: { opacity: 0.14, color: ink('load') }, emphasis: { disabled: true },
      },
      {
        type: 'scatter', xAxisIndex: 1, yAxisIndex: 1, symbol: 'diamond', symbolSize: 9, silent: true, z: 5,
        data: day.episodes.filter((e) => e.rule === 'sudden_movement').map((e) => [position(day, e.start), 0.15]),
        itemStyle: { color: ink('ink'), opacity: 1 },
      },
    ],
  };
}

/** rect draws [x0, y0, x1, y1, colour] with a radius, and never thinner than a hair. */
function rect(colours: string[], r: number) {
  return (_: unknown, api: Place) => {
    const [x0, y0] = api.coord([api.value(0), api.value(1)]);
    const [x1, y1] = api.coord([api.value(2), api.value(3)]);
    return {
      type: 'rect',
      shape: { x: x0, y: y1, width: Math.max(2, x1 - x0 - (r === 0 ? 0.6 : 0)), height: y0 - y1, r },
      style: { fill: colours[api.value(4)] },
    };
  };
}

/** episodes draws a lane of bars; lane 0 is the lowest. */
function episodes(list: Bar[], lane: number, colour: string) {
  const y = lane / lanes.length;
  return {
    type: 'custom', xAxisIndex: 1, yAxisIndex: 1, clip: true, silent: true,
    data: list.map((b) => [b.x0, y, b.x1, y + 0.27, 0]),
    encode: { x: [0, 2], y: [1, 3] },
    renderItem: rect([colour], 3),
  };
}

function nudges(day: Day, status: 'sent' | 'held', ink: Ink, y: number) {
  const held = status === 'held';
  return {
    type: 'scatter', xAxisIndex: 2, yAxisIndex: 2, symbol: 'circle', symbolSize: 9, silent: true, z: 5,
    data: day.nudges.filter((n) => (n.status === 'held') === held).map((n) => [position(day, n.time), y]),
    itemStyle: held ? { color: ink('card'), borderColor: ink('ink'), borderWidth: 1.5, opacity: 1 } : { color: ink('ink'), opacity: 1 },
  };
}

/** about says what there is at a place of the axis. */
function about(day: Day, x: number, at: (x: number) => string, now: number): HTMLElement {
  const minute = minuteAt(day, x);
  const lines: string[] = [];
  if (minute) {
    const flexion = minute.flexion === null ? '' : `, ${degrees(minute.flexion)} flexion`;
    lines.push(`mostly ${minute.state}${flexion}, load ${percent(minute.load)}`);
  } else lines.push('no readings');
  for (const b of bars(day, all, now)) {
    if (x < b.x0 || x > b.x1) continue;
    const length = seconds(Math.max(b.episode.seconds, (b.x1 - b.x0) * 60));
    const end = outcome(b.episode.outcome, b.episode.rule);
    lines.push(`${nameOf(b.episode).toLowerCase()}: ${length}${end ? `, then ${end}` : ''}`);
  }
  for (const e of day.episodes) {
    if (e.rule === 'sudden_movement' && Math.abs(position(day, e.start) - x) < 3) lines.push(nameOf(e).toLowerCase());
  }
  const near = (n: Nudge) => Math.abs(position(day, n.time) - x) < 3;
  for (const n of day.nudges.filter(near)) lines.push(n.status === 'held' ? 'a nudge was held back' : 'nudged');
  return tip(at(x), ...lines);
}

