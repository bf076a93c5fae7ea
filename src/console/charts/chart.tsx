// SPDX-License-Identifier: GPL-3.0-or-later
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { formatTimeOfDay } from '../ui/time-of-day.ts';
import type { ChartData } from './chart-data.ts';
import { makePlot, markFills, type Plot, type PlotLook } from './plot.ts';
import { Swatch } from './swatch.tsx';

/** An entry of a legend: a series, and the text of its value at a point. */
export type LegendEntry = {
  label: string;
  /** The index of the series in the look and the data. */
  series: number;
  valueAt: (point: number) => string;
};

/** A chart with its title and legend, and its table behind a button. */
export function Chart({
  title,
  look,
  data,
  legend,
  summary,
  children: table,
}: {
  title: string;
  look: PlotLook;
  data: ChartData;
  legend: readonly LegendEntry[];
  /** What the chart shows now, for those who do not see it. */
  summary: string;
  children: ComponentChildren;
}) {
  const [isTableShown, setTableShown] = useState(false);
  const [point, setPoint] = useState<number | null>(null);
  const element = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | undefined>(undefined);
  const [titleId, tableId] = [useId(), useId()];

  useEffect(() => {
    if (element.current === null) return;
    plot.current = makePlot(element.current, look, setPoint);
    return () => plot.current?.end();
  }, [look]);
  useEffect(() => plot.current?.show(data), [data]);

  // The last point only ends the second before it.
  const newest = data.times.length - 2;
  const shown = Math.min(point ?? newest, newest);
  const atSeconds = data.times[shown];
  return (
    <section class="panel chart" aria-labelledby={titleId}>
      <div class="row chart-head">
        <h3 id={titleId}>{title}</h3>
        <button
          type="button"
          class="quiet"
          aria-expanded={isTableShown}
          aria-controls={tableId}
          aria-describedby={titleId}
          onClick={() => setTableShown(!isTableShown)}
        >
          {isTableShown ? 'Hide the table' : 'Show as table'}
        </button>
      </div>
      <div ref={element} class="plot" role="img" aria-label={`${title}. ${summary}`} />
      <ul class="legend">
        {atSeconds !== undefined && <li class="number">{formatTimeOfDay(atSeconds * 1_000)}</li>}
        {legend.length === 0 && atSeconds !== undefined && <li>no claims in this time</li>}
        {legend.map(({ label, series, valueAt }) => (
          <li key={label}>
            <LegendSwatch look={look} series={series} />
            {label}
            {shown >= 0 && <strong class="number">{valueAt(shown)}</strong>}
          </li>
        ))}
        {data.marks.some(({ kind }) => kind === 'unknown') && (
          <li>
            <Swatch fill={markFills.unknown} />
            no data
          </li>
        )}
        {data.marks.some(({ kind }) => kind === 'incomplete') && (
          <li>
            <Swatch fill={markFills.incomplete} />
            counts may be too low
          </li>
        )}
      </ul>
      <div id={tableId} hidden={!isTableShown}>
        {isTableShown && table}
      </div>
    </section>
  );
}

function LegendSwatch({ look, series }: { look: PlotLook; series: number }) {
  const one = look.series[series];
  if (one === undefined) return null;
  return <Swatch fill={one} dash={look.shape === 'areas' ? undefined : (one.dash ?? [])} />;
}
