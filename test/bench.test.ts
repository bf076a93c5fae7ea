// SPDX-License-Identifier: GPL-3.0-or-later
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DelayLine } from '../bench/delay-line.ts';
import { goalLines } from '../bench/goals.ts';
import { violationsIn } from '../bench/measured-drill.ts';
import { parseMetrics } from '../bench/metrics.ts';
import { watchedLines } from '../bench/printing.ts';
import { batchPlotsOf } from '../bench/report-of-batches.ts';
import { plotsOf } from '../bench/report-plots.ts';
import {
  type Results,
  type Run,
  seriesOf,
  type TargetSpec,
  watchedRatios,
} from '../bench/results.ts';
import { median, ratio, shown } from '../bench/statistics.ts';
import { svgFile } from '../bench/svg-file.ts';
import { drawLines } from '../src/proof/plot/line-plot.ts';

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('npm run bench', () => {
  it('says in the bench how to install wrk when it is missing, and measures nothing', () => {
    const program = join(import.meta.dirname, '../bench/bench.ts');
    const { status, stdout } = spawnSync(process.execPath, ['--import', 'tsx', program], {
      env: { PATH: '' },
      encoding: 'utf8',
    });
    expect(stdout).toContain('apt-get install wrk');
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(status).toBe(1);
  });
});

describe('the statistics', () => {
  it('takes the median of unsorted values', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeUndefined();
  });

  it('computes no ratio for a missing value or a divisor of 0', () => {
    expect(ratio(3, 2)).toBe(1.5);
    expect(ratio(undefined, 2)).toBeUndefined();
    expect(ratio(3, 0)).toBeUndefined();
  });

  it('shows numbers with three significant digits', () => {
    const values = [0.1234, 12.345, 123.45, 12_345.6, 5, undefined];
    expect(values.map(shown)).toEqual(['0.12', '12.3', '123', '12,346', '5', '']);
  });
});

describe('the delay line', () => {
  it('delivers all items of a delay line in order, each after its delay', () => {
    const line = new DelayLine<number>(2);
    const arrived: [number, number][] = [];
    for (let now = 0; now <= 20; now += 1) {
      if (now < 10) for (const item of [2 * now, 2 * now + 1]) line.add(item, now);
      line.deliver(now, (item) => arrived.push([item, now]));
    }
    expect(arrived).toEqual(range(20).map((item) => [item, Math.floor(item / 2) + 2]));
    expect(line.nextDueMs).toBeUndefined();
  });

  it('returns the time at which the next item of a delay line is due', () => {
    const line = new DelayLine<string>(0.25);
    line.add('a', 10);
    line.add('b', 11);
    expect(line.nextDueMs).toBe(10.25);
    line.deliver(10.25, () => undefined);
    expect(line.nextDueMs).toBe(11.25);
  });
});

describe('the metrics', () => {
  it('sums metrics over the labels that the bench does not use', () => {
    const text = [
      '# TYPE firstcome_claims_total counter',
      'firstcome_claims_total{outcome="claimed",worker="1"} 5',
      'firstcome_claims_total{outcome="claimed",worker="2"} 6',
      'firstcome_claims_total{outcome="sold_out"} 1.5e+3',
      'firstcome_claim_batch_size_bucket{le="1"} 9',
      'firstcome_claim_batch_size_sum 100',
      'firstcome_claim_batch_size_count 4',
    ].join('\n');
    const outcomes = { claimed: 11, sold_out: 1500 };
    expect(parseMetrics(text)).toEqual({ batches: 4, batchedClaims: 100, outcomes });
  });
});

function run(target: TargetSpec, rate: number, more: Partial<Run> = {}): Run {
  const load = { answers: rate, seconds: 1, not2xx: 0, lost: 0 };
  return {
    ...{ phase: 'side by side', workload: 'hot coupon', target, connections: 256, round: 1, rate },
    load: { ...load, p50Ms: 1, p90Ms: 1, p99Ms: 1, p999Ms: 1, maxMs: 1 },
    cpu: {},
    violations: [],
    ...more,
  };
}

describe('the report', () => {
  const runs = [
    ...[90, 10, 95].map((rate) => run({ kind: 'firstcome' }, rate)),
    ...[100, 100, 100].map((rate) => run({ kind: 'empty handler' }, rate)),
    run({ kind: 'firstcome' }, 1000, { violations: ['oversold'] }),
    run({ kind: 'firstcome', roundTripMs: 2 }, 50, { phase: 'distance' }),
    run({ kind: 'firstcome' }, 100, { phase: 'distance' }),
  ];
  const results: Results = {
    startedAt: '2030-01-31T18:00:00.000Z',
    machine: {
      ...{ processor: 'a', cores: 2, memoryGb: 4, kernel: 'b', node: 'c', postgres: 'd' },
      ...{ generator: 'e', commit: 'f', syncMs: 1 },
    },
    options: { quick: false, full: false, rounds: 3, seconds: 5 },
    notes: [],
    runs,
  };

  it('excludes runs with a failed audit from the medians', () => {
    const [series] = seriesOf(runs);
    expect(series?.runs.map(({ rate }) => rate)).toEqual([90, 10, 95]);
    expect(series?.failed).toBe(1);
  });

  it('compares the medians with the required values and the goals', () => {
    const lines = goalLines(results);
    expect(lines[0]).toMatchObject({ value: 0.9, verdict: 'goal' });
    expect(lines.find(({ what }) => what.startsWith('2 ms'))).toMatchObject({
      value: 0.5,
      verdict: 'missed',
    });
    expect(lines[1]).toMatchObject({ value: undefined, verdict: undefined });
  });

  it('compares the client and batch calls with the engine and the empty handler', () => {
    const together = (more: Partial<Run>) => ({ ...more, phase: 'many in one call' as const });
    const firstcome: TargetSpec = { kind: 'firstcome' };
    const { load } = run(firstcome, 1);
    const atPeak = together({
      ...{ workload: 'client, coalescing', connections: 2000 },
      load: { ...load, callMs: 5 },
    });
    const client = (rate: number) => run(firstcome, rate, atPeak);
    const alone = together({ workload: 'client, one caller', connections: 1 });
    const atHalf = together({
      ...{ workload: 'client, coalescing, at half of its peak', connections: 2000 },
      load: { ...load, p99Ms: 8, callMs: 2 },
    });
    const together2000 = [
      run({ kind: 'empty handler' }, 100, together({})),
      run({ kind: 'engine without HTTP' }, 1000, together({ connections: 2000 })),
      run(firstcome, 900, together({ workload: 'batch calls of 1,000', connections: 2 })),
      client(700),
      run(firstcome, 1, { ...alone, load: { ...load, p50Ms: 1.02, bareFetchMs: 1 } }),
      run(firstcome, 350, atHalf),
    ];
    const valuesOf = (all: Run[]) =>
      goalLines({ ...results, runs: all })
        .filter(({ what }) => /client|batch call|6 times/.test(what))
        .map(({ value, verdict }) => [value, verdict]);
    expect(valuesOf(together2000)).toEqual([
      ...[
        [0.7, 'required'],
        [7, 'goal'],
        [0.9, 'goal'],
        [1.02, 'goal'],
        [1.6, 'goal'],
        [4, 'missed'],
      ],
    ]);
    // No limit applies where the empty handler is nearly as fast as the engine.
    const fast = run({ kind: 'empty handler' }, 500, together({}));
    expect(valuesOf([fast, ...together2000.slice(1)])[1]).toEqual([1.4, undefined]);
  });

  it('plots the rate over the claims in a call, with the rates to compare', () => {
    const phase = 'many in one call';
    const [plot] = batchPlotsOf({
      ...results,
      runs: [
        run({ kind: 'firstcome' }, 10, { phase }),
        run({ kind: 'firstcome' }, 30, { phase, workload: 'batch calls of 100', connections: 20 }),
        run({ kind: 'empty handler' }, 20, { phase }),
      ],
    });
    expect(plot?.plot.lines.map(({ name, points }) => [name, points])).toEqual([
      [
        'calls of wrk',
        [
          [0, 10],
          [2, 30],
        ],
      ],
      [
        'empty handler',
        [
          [0, 20],
          [1, 20],
          [2, 20],
          [3, 20],
        ],
      ],
    ]);
    expect(batchPlotsOf(results)).toEqual([]);
  });

  it('compares monitored with plain runs of the same round or load, if both audits passed', () => {
    const plain: TargetSpec = { kind: 'firstcome' };
    const traced: TargetSpec = { kind: 'firstcome', traced: true };
    const watched = { count: 2, bytes: 9, ratios: [0.98, 1.02, 0.99] };
    const pairs = [
      run(plain, 100, { phase: 'traced', round: 1 }),
      run(traced, 90, { phase: 'traced', round: 1 }),
      run(traced, 80, { phase: 'traced', round: 2 }),
      run(plain, 160, { phase: 'traced', round: 2 }),
      run(plain, 100, { phase: 'traced', round: 3, violations: ['oversold'] }),
      run(traced, 10, { phase: 'traced', round: 3 }),
      run({ ...plain, scraped: 1 }, 100, { phase: 'scraped', watched }),
      run({ ...plain, scraped: 10 }, 100, {
        ...{ phase: 'scraped', watched: { ...watched, ratios: [0.5] } },
      }),
    ];
    expect(watchedRatios(pairs, 'traced')).toEqual([0.9, 0.5]);
    expect(watchedRatios(pairs, 1)).toEqual(watched.ratios);
    const lines = goalLines(results, undefined, { ...results, runs: pairs });
    expect(lines.find(({ what }) => what.includes('scrape of /metrics'))).toMatchObject({
      value: 0.99,
      verdict: 'goal',
    });
    expect(watchedLines({ ...results, runs: pairs }).map((line) => line.split(',')[0])).toEqual([
      'claims with 1 scrape a second ÷ without: 0.990',
      'claims with 10 scrapes a second ÷ without: 0.500',
      'claims with traces ÷ without: 0.700',
    ]);
  });

  it('plots only measured values of a bench, under escaped names', () => {
    const unmeasured = { ...results, runs: [...runs, run({ kind: 'usual design' }, 5)] };
    unmeasured.runs.push(run({ kind: 'usual design' }, 7, { connections: 16 }));
    const [rate] = plotsOf(unmeasured);
    if (rate === undefined) throw new Error('no plot');
    const svg = svgFile({ ...drawLines(rate.plot), title: 'a < b' });
    // Two targets at 256 connections, and one at 16 and at 256.
    expect(svg.match(/<circle/g)).toHaveLength(4);
    expect(svg).toContain('a &lt; b');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('draws no plot without a measured value', () => {
    expect(plotsOf(results).map(({ file }) => file)).not.toContain('batch-size.svg');
  });
});

describe('a measured drill', () => {
  it('reports nothing for a drill whose audit passed', () => {
    expect(violationsIn('R1    passed  2  no oversell\n\nverdict: passed\n')).toEqual([]);
  });

  it('reports the rules that did not pass, with their findings', () => {
    const output = [
      ...['R1    passed         270  nothing is oversold', 'R4    failed           9  stored'],
      ...[
        '      ! u-1 holds position 4',
        'R18   unknown          9  enough',
        'verdict: failed (R4)',
      ],
    ].join('\n');
    expect(violationsIn(output)).toEqual([
      ...['R4    failed           9  stored', '! u-1 holds position 4'],
      ...['R18   unknown          9  enough', 'verdict: failed (R4)'],
    ]);
  });

  it('counts a drill without an audit as a violation', () => {
    expect(violationsIn('not judged; a drill without a history')).toEqual([
      'the drill was not audited',
    ]);
  });
});
