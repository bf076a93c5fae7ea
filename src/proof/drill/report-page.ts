// SPDX-License-Identifier: GPL-3.0-or-later

import { counted, millis, seconds, whole } from '../numbers.ts';
import { drawBars } from '../plot/bar-plot.ts';
import { escaped } from '../plot/drawing.ts';
import { drawLines } from '../plot/line-plot.ts';
import { secondTicks } from '../plot/scale.ts';
import { labelOf, outcomeClasses } from './completion.ts';
import type { Judgement } from './judgement.ts';
import type { DrillReport } from './report.ts';
import { figure, reportStyle, table } from './report-elements.ts';
import { rulesSection, verdictBanner } from './report-verdict.ts';
import { generatorLine } from './summary.ts';

/** The report as one self-contained HTML page: no script, no font, no external image. The verdict comes first. */
export function reportPage(report: DrillReport, judgement: Judgement): string {
  const title = `Drill: ${report.scenario}, seed ${report.seed}`;
  const limit = report.generator.isLimit ? ' class="limit"' : '';
  return `${[
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escaped(title)}</title><style>${reportStyle}</style></head><body>`,
    verdictBanner(judgement),
    `<h1>${escaped(title)}</h1>`,
    `<p>${escaped(introductionTo(report))}</p>`,
    `<p${limit}>${escaped(`${upperFirst(generatorLine(report))}.`)}</p>`,
    totalsTable(report),
    ...rulesSection(judgement),
    '<h2>Latency</h2>',
    '<p>Latency counts from the planned time of a request, so a slow answer cannot hide the requests behind it.</p>',
    percentilesTable(report),
    curvePlot(report),
    latencyPlot(report),
    '<h2>Outcomes</h2>',
    outcomesPlot(report),
    outcomesTable(report),
    '<h2>Phases</h2>',
    phasesTable(report),
    ...(report.lastReads.length === 0 ? [] : ['<h2>Final reads</h2>', lastReadsTable(report)]),
    '<h2>Options</h2>',
    optionsTable(report),
    '</body></html>',
  ].join('\n')}\n`;
}

function introductionTo({ startedAt, machine, isInterrupted }: DrillReport): string {
  const where = `${machine.processor}, ${counted(machine.cores, 'core')}, ${machine.memoryGb} GB`;
  const how = isInterrupted ? ' It was interrupted.' : '';
  return `Started at ${startedAt} on ${where}, Node ${machine.node}, ${machine.platform}.${how}`;
}

function totalsTable(report: DrillReport): string {
  const { totals, saturation, recoveredAfterS, turnedAwayUntilS, history, generator } = report;
  return table(
    ['', ''],
    [
      ['requests', whole(totals.asked)],
      ['seconds, until the last answer', seconds(totals.seconds)],
      ['answers a second', whole(totals.answersPerSecond)],
      ['ok: served', whole(totals.ok)],
      ['fail: refused, with nothing changed', whole(totals.fail)],
      ['info: outcome unknown', whole(totals.info)],
      ['never sent', whole(totals.notSent)],
      ['skipped, since the generator was late', whole(generator.leftOut)],
      ...(saturation === undefined ? [] : [['saturation, decisions a second', whole(saturation)]]),
      ...(recoveredAfterS === undefined
        ? []
        : [['recovered, seconds after the overload', seconds(recoveredAfterS)]]),
      ...(turnedAwayUntilS === undefined
        ? []
        : [
            ['last shed, unsent or unknown, seconds after the overload', seconds(turnedAwayUntilS)],
          ]),
      ['history', history ? `${history.file}, ${counted(history.events, 'event')}` : 'none'],
    ],
  );
}

function percentilesTable({ latencyMs, serviceMs }: DrillReport): string {
  const shares = ['p50', 'p90', 'p99', 'p999', 'max'] as const;
  return table(
    ['milliseconds', 'p50', 'p90', 'p99', 'p99.9', 'max'],
    [
      ['from the planned time', ...shares.map((share) => millis(latencyMs[share]))],
      ['from sending', ...shares.map((share) => millis(serviceMs[share]))],
    ],
  );
}

function curvePlot({ latencyCurve }: DrillReport): string {
  // The number of nines: 90, 99 and 99.9 are evenly spaced. The longest request is left out.
  const finite = latencyCurve.filter(([percent]) => percent < 100);
  const nines = (percent: number) => -Math.log10(1 - percent / 100);
  const end = Math.max(1, ...finite.map(([percent]) => nines(percent)));
  const xTicks = [50, 90, 99, 99.9, 99.99, 99.999, 99.9999]
    .filter((percent) => nines(percent) <= end)
    .map((percent) => ({ at: nines(percent), text: `${percent} %` }));
  const points = finite.map(([percent, ms]): [number, number] => [nines(percent), ms]);
  const plot = drawLines({
    ...{ title: 'Latency by percentile', xTitle: 'of all requests', yTitle: 'ms', xTicks },
    ...{ scale: 'log', lines: [{ name: 'latency', colour: 'refused', points }] },
  });
  return figure(plot);
}

function latencyPlot({ series }: DrillReport): string {
  const points = (figure: 'p50' | 'p99' | 'p999') =>
    series
      .filter(({ outcomes }) => Object.keys(outcomes).length > 0)
      .map((second): [number, number] => [second.second, second[figure]]);
  const plot = drawLines({
    ...{ title: 'Latency over time', xTitle: 'seconds', yTitle: 'ms', scale: 'log' },
    xTicks: secondTicks(series.length),
    lines: [
      { name: 'p50', colour: 'won', points: points('p50') },
      { name: 'p99', colour: 'shed', points: points('p99') },
      { name: 'p99.9', colour: 'unknown', points: points('p999') },
    ],
  });
  return figure(plot);
}

function outcomesPlot({ series }: DrillReport): string {
  const plot = drawBars({
    ...{ title: 'Answers a second', yTitle: 'answers/s' },
    series: outcomeClasses.map((name) => ({
      ...{ name: labelOf(name), colour: name },
      values: series.map(({ answers }) => answers[name]),
    })),
  });
  return figure(plot);
}

function outcomesTable({ outcomes, totals }: DrillReport): string {
  const rows = Object.entries(outcomes).sort(([, a], [, b]) => b - a);
  return table(
    ['outcome', 'count', 'of all'],
    rows.map(([outcome, count]) => [
      ...[outcome, whole(count), `${((100 * count) / Math.max(1, totals.asked)).toFixed(2)} %`],
    ]),
  );
}

function phasesTable({ phases }: DrillReport): string {
  return table(
    [
      'phase',
      'seconds',
      'requests',
      'decided/s',
      'shed',
      'unsent',
      'unknown',
      'p50 ms',
      'p99 ms',
      'shed p99',
    ],
    phases.map((phase) => [
      ...[phase.name, seconds(phase.seconds), whole(phase.asked), whole(phase.decidedPerSecond)],
      ...[whole(phase.answers.shed), whole(phase.answers.unsent), whole(phase.answers.unknown)],
      ...[phase.latencyMs.p50, phase.latencyMs.p99, phase.shedMs.p99].map(millis),
    ]),
    'wide',
  );
}

function lastReadsTable({ lastReads }: DrillReport): string {
  return table(
    ['coupon', 'node', 'answer', 'remaining', 'amount'],
    lastReads.map(({ coupon, url, outcome, amount, remainingAmount }) => [
      ...[coupon, url, outcome],
      ...[remainingAmount, amount].map((units) => (units === undefined ? '' : whole(units))),
    ]),
    'wide',
  );
}

function optionsTable({ options }: DrillReport): string {
  return table(
    ['option', 'value'],
    Object.entries(options).map(([name, value]) => [name, JSON.stringify(value)]),
  );
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
