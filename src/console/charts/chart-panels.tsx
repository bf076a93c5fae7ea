// SPDX-License-Identifier: GPL-3.0-or-later
import { useMemo } from 'preact/hooks';
import type { SaleSecond } from '../../figures/sale-second.ts';
import { formatCount, formatMilliseconds, formatRate } from '../ui/format.ts';
import { Chart } from './chart.tsx';
import { answerTimeData, lastMinutes, outcomeData, remainingData } from './chart-data.ts';
import './charts.css';
import { answerTimeLook, outcomeLook, remainingLook } from './looks.ts';
import { countsByGroup, outcomeGroups } from './outcome-groups.ts';
import { summarizeAnswerTimes, summarizeOutcomes, summarizeRemaining } from './summaries.ts';
import { tableRows } from './table-rows.ts';
import { AnswerTimeTable, OutcomeTable, RemainingTable } from './tables.tsx';

/** The charts of a sale over its last minutes. */
export default function ChartPanels({
  seconds: allSeconds,
  minutes,
  amount,
}: {
  seconds: readonly SaleSecond[];
  minutes: number;
  amount: number | undefined;
}) {
  const seconds = useMemo(() => lastMinutes(allSeconds, minutes), [allSeconds, minutes]);
  const rows = useMemo(() => tableRows(seconds), [seconds]);
  const remaining = useMemo(() => remainingData(seconds), [seconds]);
  const outcomes = useMemo(() => outcomeData(seconds), [seconds]);
  const answerTimes = useMemo(() => answerTimeData(seconds), [seconds]);
  const lookOfRemaining = useMemo(() => remainingLook(amount), [amount]);
  const groups = outcomeGroups.flatMap(({ label }, index) => {
    // The data has the top of the stack first.
    const series = outcomeGroups.length - 1 - index;
    const valueAt = (point: number) =>
      formatRate(countsByGroup(seconds[point]?.outcomes ?? null)?.[index]);
    return outcomes.isShown[series] ? [{ label, series, valueAt }] : [];
  });

  return (
    <div class="charts">
      <Chart
        title="Remaining units"
        look={lookOfRemaining}
        data={remaining}
        legend={[
          {
            ...{ label: 'remaining', series: 0 },
            valueAt: (point) => formatCount(seconds[point]?.remaining),
          },
        ]}
        summary={summarizeRemaining(rows, amount)}
      >
        <RemainingTable rows={rows} />
      </Chart>
      <Chart
        title="Outcomes a second"
        look={outcomeLook}
        data={outcomes}
        legend={groups}
        summary={summarizeOutcomes(rows)}
      >
        <OutcomeTable rows={rows} />
      </Chart>
      <Chart
        title="Answer times"
        look={answerTimeLook}
        data={answerTimes}
        legend={[
          {
            ...{ label: 'p50', series: 0 },
            valueAt: (point) => formatMilliseconds(seconds[point]?.p50Ms),
          },
          {
            ...{ label: 'p99', series: 1 },
            valueAt: (point) => formatMilliseconds(seconds[point]?.p99Ms),
          },
        ]}
        summary={summarizeAnswerTimes(rows)}
      >
        <AnswerTimeTable rows={rows} />
      </Chart>
    </div>
  );
}
