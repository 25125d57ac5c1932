// ECharts with the parts that are used, as a Svelte attachment that follows its
// options, its size and the theme.

import { BarChart, CustomChart, HeatmapChart, LineChart, ScatterChart } from 'echarts/charts';
import { AriaComponent, GridComponent, MarkAreaComponent, MarkLineComponent, TooltipComponent, VisualMapComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import type { EChartsCoreOption } from 'echarts/core';
import type { Attachment } from 'svelte/attachments';

echarts.use([
  BarChart, CustomChart, HeatmapChart, LineChart, ScatterChart,
  AriaComponent, GridComponent, MarkAreaComponent, MarkLineComponent, TooltipComponent, VisualMapComponent,
  CanvasRenderer,
]);

export type Option = EChartsCoreOption;

/** chart draws what option gives, and draws it again when what it reads changes. */
export function chart(option: () => Option): Attachment<HTMLElement> {
  return (node) => {
    const c = echarts.init(node);
    const sized = new ResizeObserver(() => c.resize());
    sized.observe(node);
    $effect(() => {
      c.setOption(option(), { notMerge: true });
    });
    return () => {
      sized.disconnect();
      c.dispose();
    };
  };
}
