// SPDX-License-Identifier: GPL-3.0-or-later
/** The performance goals, each with the value that the results contain. */
import { batchConnections, callers, singleConnections } from './plan-of-batches.ts';
import {
  type MillionResult,
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

/** One line of the table. `required` is the limit that must hold, `goal` a better value to aim for. */
export type GoalLine = {
  what: string;
  /** Undefined when it was not measured. */
  value: number | undefined;
  required: string;
  goal: string;
  verdict: 'goal' | 'required' | 'missed' | undefined;
  /** The ratio to the bare route, where `value` is the ratio to the empty handler. */
  againstBare?: number | undefined;
};

type Limit = { required: number; goal: number; better: 'more' | 'less'; unit?: string };

const empty: TargetSpec = { kind: 'empty handler' };
const bare: TargetSpec = { kind: 'bare route' };
const firstcome: TargetSpec = { kind: 'firstcome' };
const engine: TargetSpec = { kind: 'engine without HTTP' };
const caching: TargetSpec = { kind: 'firstcome', cachesReads: true };
const usual: TargetSpec = { kind: 'usual design' };

const more = (required: number, goal: number): Limit => ({ required, goal, better: 'more' });
const less = (required: number, goal: number, unit = ''): Limit => ({
  ...{ required, goal, better: 'less', unit },
});

/** All lines, in the order of the table. `watched` is the run that measured scrapes, if that was another one. */
export function goalLines(
  results: Results,
  million?: MillionResult,
  watched = results,
): GoalLine[] {
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
  const againstHandlers = (workload: WorkloadName, connections: number, target = firstcome) => {
    const measured = rate(workload, target, connections);
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
    line('2 ms round trip to the database, 256 connections, ÷ no delay', more(0.7, 0.9), {
      value: ratio(far(2), far()),
    }),
    line('sold out ÷ empty handler, 256 connections', more(0.9, 0.97), {
      ...againstHandlers('sold out', 256),
    }),
    line('GET of a coupon without claims ÷ empty handler, same bytes', more(0.6, 0.85), {
      ...againstHandlers('read, no claims', 256),
    }),
    line('the same from the stock cache ÷ empty handler', more(0.9, 0.97), {
      ...againstHandlers('read, no claims', 256, caching),
    }),
    line('ten thousand warm coupons ÷ empty handler, 256 connections', more(0.15, 0.3), {
      ...againstHandlers('10,000 warm coupons', 256),
    }),
    ...linesOfManyInOneCall(find),
    line('rate with 5 million stored claims ÷ rate with none', more(0.85, 0.95), {
      value: ratio(grown(5_000_000), grown(0)),
    }),
    line('claims with a scrape of /metrics each second ÷ without', more(0.97, 0.99), {
      value: median(watchedRatios(watched.runs, 1)),
    }),
    line('1,000,000 users claim one coupon', less(40, 25, ' s'), {
      value: million?.options.users === 1_000_000 ? million.seconds : undefined,
    }),
    line('the same: memory of the service', less(400, 250, ' MB'), {
      value: million?.options.users === 1_000_000 ? million.peakMemoryMb : undefined,
    }),
  ];
}

type Find = (
  workload: WorkloadName,
  target: TargetSpec,
  connections: number,
  phase: Run['phase'],
) => Series | undefined;

const engineTimesMin = 6;

/** Many claims in one call, and the client that sends them. */
function linesOfManyInOneCall(find: Find): GoalLine[] {
  const series = (workload: WorkloadName, connections: number, target = firstcome) =>
    find(workload, target, connections, 'many in one call');
  const rate = (...where: Parameters<typeof series>) =>
    medianOf(series(...where), (run) => run.rate);
  const engineRate = rate('hot coupon', callers, engine);
  const handlerRate = rate('hot coupon', singleConnections, empty);
  const clientRate = rate('client, coalescing', callers);
  const batches = 'batch calls of 1,000';
  const atHalf = series('client, coalescing, at half of its peak', callers);
  return [
    line('coalescing client, 2,000 callers, ÷ engine without HTTP', more(0.6, 0.8), {
      value: ratio(clientRate, engineRate),
    }),
    // Where an empty handler is nearly as fast as the engine, no client can have several times its rate.
    line('the same ÷ empty handler, where the engine has 6 times its rate', more(3, 4.8), {
      value: ratio(clientRate, handlerRate),
      applies: (ratio(engineRate, handlerRate) ?? 0) >= engineTimesMin,
    }),
    line('batch calls of 1,000 ÷ engine without HTTP', more(0.7, 0.8), {
      value: ratio(rate(batches, batchConnections(batches)), engineRate),
    }),
    line('one caller of the client on an idle service: latency ÷ fetch', less(1.05, 1.02), {
      value: medianOf(series('client, one caller', 1), ({ load }) =>
        ratio(load.p50Ms, load.bareFetchMs),
      ),
    }),
    line('coalescing client at half of its peak: p99 ÷ a full batch call', less(3, 2.5), {
      value: ratio(
        medianOf(atHalf, ({ load }) => load.p99Ms),
        medianOf(series('client, coalescing', callers), ({ load }) => load.callMs),
      ),
    }),
    // Its calls are not full at this rate, so each is much shorter.
    line('the same ÷ a batch call at this rate', less(3, 2.5), {
      value: medianOf(atHalf, ({ load }) => ratio(load.p99Ms, load.callMs)),
    }),
  ];
}

function line(
  what: string,
  { required, goal, better, unit = '' }: Limit,
  measured: Pick<GoalLine, 'value' | 'againstBare'> & { applies?: boolean },
): GoalLine {
  const { applies = true, ...shown } = measured;
  const { value } = shown;
  const isWithin = (limit: number) =>
    value !== undefined && (better === 'more' ? value >= limit : value <= limit);
  const sign = better === 'more' ? '≥' : '≤';
  let verdict: GoalLine['verdict'];
  if (value !== undefined && applies) {
    if (isWithin(goal)) verdict = 'goal';
    else verdict = isWithin(required) ? 'required' : 'missed';
  }
  return {
    what,
    ...shown,
    required: `${sign} ${required}${unit}`,
    goal: `${sign} ${goal}${unit}`,
    verdict,
  };
}
