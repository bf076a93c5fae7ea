// SPDX-License-Identifier: GPL-3.0-or-later
/** What is to be reached, each line with the value that the results hold. */
import {
  type DropResult,
  medianOf,
  nameOf,
  type Results,
  type Run,
  type Series,
  seriesOf,
  type TargetSpec,
  type WorkloadName,
  watchedRatios,
} from './results.ts';
import { median, ratio } from './statistics.ts';

/** One line of the table. */
export type ReachLine = {
  what: string;
  /** Undefined when it was not measured. */
  value: number | undefined;
  must: string;
  aim: string;
  verdict: 'aim' | 'must' | 'missed' | undefined;
  /** The same against the bare route, where the line is a ratio to the empty handler. */
  againstBare?: number | undefined;
};

type Limit = { must: number; aim: number; better: 'more' | 'less'; unit?: string };

const empty: TargetSpec = { kind: 'empty handler' };
const bare: TargetSpec = { kind: 'bare route' };
const firstcome: TargetSpec = { kind: 'firstcome' };
const usual: TargetSpec = { kind: 'usual design' };

/** All lines, in the order of the table. What being watched costs may have been measured in a run of its own. */
export function reachLines(results: Results, drop?: DropResult, watched = results): ReachLine[] {
  const all = seriesOf(results.runs);
  const find = (
    workload: WorkloadName,
    target: TargetSpec,
    connections: number,
    phase: Run['phase'] = 'side by side',
  ): Series | undefined =>
    all.find(
      (series) =>
        series.phase === phase &&
        series.workload === workload &&
        series.connections === connections &&
        nameOf(series.target) === nameOf(target),
    );
  const rate = (...where: Parameters<typeof find>) => medianOf(find(...where), (run) => run.rate);
  const p50 = (...where: Parameters<typeof find>) =>
    medianOf(find(...where), (run) => run.load.p50Ms);
  const againstHandlers = (workload: WorkloadName, connections: number) => {
    const measured = rate(workload, firstcome, connections);
    return {
      value: ratio(measured, rate(workload, empty, connections)),
      againstBare: ratio(measured, rate(workload, bare, connections)),
    };
  };
  const grown = (claimsBefore: number) =>
    rate('hot coupon', { kind: 'firstcome', claimsBefore }, 256, 'growth');
  const far = (roundTripMs?: number) =>
    rate(
      'hot coupon',
      { kind: 'firstcome', ...(roundTripMs !== undefined && { roundTripMs }) },
      256,
      'distance',
    );
  const more = (must: number, aim: number): Limit => ({ must, aim, better: 'more' });
  const less = (must: number, aim: number, unit = ''): Limit => ({
    ...{ must, aim, better: 'less', unit },
  });

  return [
    line('durable claims ÷ empty handler, 256 connections', more(0.8, 0.9), {
      ...againstHandlers('hot coupon', 256),
    }),
    line('the same at 64 connections', more(0.65, 0.85), againstHandlers('hot coupon', 64)),
    line('the same at 1,024 connections', more(0.65, 0.85), againstHandlers('hot coupon', 1024)),
    line('durable claims ÷ usual design, 64 connections', more(15, 25), {
      value: ratio(rate('hot coupon', firstcome, 64), rate('hot coupon', usual, 64)),
    }),
    line("one connection: median latency ÷ usual design's", less(1.2, 0.8), {
      value: ratio(p50('hot coupon', firstcome, 1), p50('hot coupon', usual, 1)),
    }),
    line('2 ms to the database, 256 connections, ÷ no delay', more(0.7, 0.9), {
      value: ratio(far(2), far()),
    }),
    line('sold out ÷ empty handler, 256 connections', more(0.9, 0.97), {
      ...againstHandlers('sold out', 256),
    }),
    line('GET of a coupon without claims ÷ empty handler of the same bytes', more(0.6, 0.85), {
      ...againstHandlers('read, no claims', 256),
    }),
    line('ten thousand warm coupons ÷ empty handler, 256 connections', more(0.15, 0.3), {
      ...againstHandlers('10,000 warm coupons', 256),
    }),
    line('rate at 5 million claims ÷ rate at none', more(0.85, 0.95), {
      value: ratio(grown(5_000_000), grown(0)),
    }),
    line('claims while the metrics are read each second ÷ while not', more(0.97, 0.99), {
      value: median(watchedRatios(watched.runs, 1)),
    }),
    line('the drop: 1,000,000 users', less(40, 25, ' s'), {
      value: drop?.options.users === 1_000_000 ? drop.seconds : undefined,
    }),
    line("service's memory in the drop", less(400, 250, ' MB'), {
      value: drop?.options.users === 1_000_000 ? drop.peakMemoryMb : undefined,
    }),
  ];
}

function line(
  what: string,
  { must, aim, better, unit = '' }: Limit,
  measured: Pick<ReachLine, 'value' | 'againstBare'>,
): ReachLine {
  const { value } = measured;
  const isWithin = (limit: number) =>
    value !== undefined && (better === 'more' ? value >= limit : value <= limit);
  const sign = better === 'more' ? '≥' : '≤';
  let verdict: ReachLine['verdict'];
  if (value !== undefined) {
    if (isWithin(aim)) verdict = 'aim';
    else verdict = isWithin(must) ? 'must' : 'missed';
  }
  return {
    what,
    ...measured,
    must: `${sign} ${must}${unit}`,
    aim: `${sign} ${aim}${unit}`,
    verdict,
  };
}
