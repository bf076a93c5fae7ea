// SPDX-License-Identifier: GPL-3.0-or-later
/** `npm run bench:million`: a million users claim one coupon, and the audit compares the claims that they were shown. */
import { Command } from 'commander';
import { type CleanUp, runCleanly, say } from './clean-up.ts';
import {
  costLines,
  type DrillBenchOptions,
  type DrilledService,
  machineOf,
  measureDrill,
  startDrilledService,
  violationsIn,
} from './measured-drill.ts';
import { databaseOptions, parse, wholeNumber } from './options.ts';
import type { MillionResult } from './results.ts';
import { saveResult } from './save-result.ts';
import { shown } from './statistics.ts';
import { missingBuild } from './targets.ts';

type Options = DrillBenchOptions & { users: number; units: number };

process.exitCode = await runCleanly(main);

async function main(cleanUp: CleanUp): Promise<number> {
  const options = readOptions();
  const missing = missingBuild();
  if (missing !== undefined) {
    say(missing);
    return 1;
  }
  const service = await startDrilledService(options, cleanUp);
  say(
    `${shown(options.users)} users claim ${shown(options.units)} units over ` +
      `${options.connections} connections (seed ${options.seed})`,
  );
  const result = await runMillion(options, service, cleanUp);
  return saveResult(result, { name: 'million', output: options.output, lines: reportOf(result) });
}

function readOptions(): Options {
  const command = databaseOptions(
    new Command('npm run bench:million --').description(
      'Runs `firstcome drill million`: a million users claim 100,000 units of one coupon. 5 % of ' +
        'them send their claim twice under the same Idempotency-Key, half of these while the first ' +
        'request is in flight. Measures the memory and the CPU time of the service as well. Exit ' +
        'code 1: the audit found a violation, or too little to judge.',
    ),
  )
    .option('--users <count>', 'users who claim', wholeNumber, 1_000_000)
    .option('--units <count>', 'units of the coupon', wholeNumber, 100_000)
    .option('--connections <count>', 'connections that the users share', wholeNumber, 256)
    .option('--seed <number>', 'chooses the user ids and who claims twice', wholeNumber, 1)
    .option('--output <file>', 'file for the result, instead of one in bench/results');
  return parse<Options>(command, process.argv.slice(2));
}

async function runMillion(
  options: Options,
  service: DrilledService,
  cleanUp: CleanUp,
): Promise<MillionResult> {
  const { users, units, connections, seed } = options;
  const { report, output, cost } = await measureDrill(
    { scenario: 'million', options: { users, units, connections, seed }, isAudited: true },
    service,
    cleanUp,
  );
  const { totals, outcomes, latencyMs } = report;
  const { claimed = 0, replayed = 0 } = outcomes;
  const refused = totals.answers.refused;
  const { count: _, ...percentiles } = latencyMs;
  return {
    machine: machineOf(service, options.folder),
    options: { users, units, connections, seed },
    seconds: totals.seconds,
    rate: totals.answersPerSecond,
    counts: {
      ...{ requests: totals.asked, claimed, replayed, refused },
      otherwise: totals.asked - claimed - replayed - refused,
    },
    latencyMs: percentiles,
    ...cost,
    violations: violationsIn(output),
  };
}

function reportOf(result: MillionResult): string[] {
  const { counts, latencyMs } = result;
  const count = (name: string) => shown(counts[name] ?? 0);
  return [
    '',
    `${shown(result.seconds)} s for ${count('requests')} requests: ${shown(result.rate)}/s`,
    `latency p50 ${shown(latencyMs.p50)}, p90 ${shown(latencyMs.p90)}, p99 ${shown(latencyMs.p99)}, ` +
      `p99.9 ${shown(latencyMs.p999)}, longest ${shown(latencyMs.max)} ms`,
    `claimed ${count('claimed')}, replayed ${count('replayed')}, refused ${count('refused')}, ` +
      `other responses ${count('otherwise')}`,
    ...costLines(result),
  ];
}
