// SPDX-License-Identifier: GPL-3.0-or-later
/** `npm run test:faults`: breaks everything around the service while the drill attacks it, and has the audit judge. */
import { writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type ClientWay, clientWays } from './client-gateway.ts';
import { circumstances, recordFigures } from './figures.ts';
import { type FaultScenario, faultScenarios } from './loads.ts';
import { rowOf, rows } from './rows.ts';
import { isWell } from './run-result.ts';
import { lineOf, plan, playAll, replayOf } from './suite.ts';
import { summaryOf } from './summary.ts';

type Options = {
  runs?: number;
  seed: number;
  row?: number[];
  scenario?: FaultScenario;
  brief?: true;
  redis?: true;
  queue?: true;
  client?: ClientWay;
  json?: string;
  record?: true;
};

await new Command('test:faults')
  .description(
    'Each run breaks one thing after a seeded plan while a drill goes on, heals it, and audits ' +
      'what clients saw. Exit code 0: every run was played, and passed or was skipped for want of a tool.',
  )
  .option(
    '--runs <count>',
    'how many runs; the rows take turns (default: each row once with each of its scenarios)',
    runCount,
  )
  .option('--seed <number>', 'seed of the first run; each further run has the next', wholeNumber, 1)
  .option('--row <number...>', `only these: ${rows.map(({ row }) => row).join(', ')}`, rowNumber)
  .addOption(
    new Option('--scenario <name>', 'only what the drill plays so').choices(faultScenarios),
  )
  .option('--brief', 'rows with sagas: with fewer sagas and faults, as `npm test` plays them')
  .option('--redis', 'the nodes share a Redis in all rows')
  .option('--queue', 'claims wait in RabbitMQ in all rows')
  .addOption(
    new Option('--client <way>', 'all claims with a key go through the client').choices(clientWays),
  )
  .option('--json <file>', 'where to write all results for programs')
  .option('--record', 'put the figures into docs/guarantees.md')
  .action(run)
  .parseAsync();

async function run({ row: numbers, json, record, ...options }: Options): Promise<void> {
  const chosen = numbers === undefined ? rows : numbers.map(rowOf);
  const planned = plan(chosen, options);
  const stop = new AbortController();
  const onSignal = () => {
    if (!stop.signal.aborted) process.stderr.write('ends when this run has cleaned up\n');
    stop.abort();
  };
  // Each time: a terminal and npm may both pass on the same Ctrl-C.
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  const results = await playAll(
    planned,
    (result) => {
      process.stdout.write(`${lineOf(result)}\n`);
      for (const finding of result.findings) process.stdout.write(`        ${finding}\n`);
      if (result.verdict === 'failed' || result.verdict === 'unknown') {
        process.stdout.write(`        again: ${replayOf(result)}\n`);
      }
    },
    stop.signal,
  );
  process.stdout.write(`\n${summaryOf(results).join('\n')}\n`);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(results, null, 2)}\n`);
  const isComplete = results.length === planned.length;
  if (!isComplete) process.stderr.write(`${planned.length - results.length} runs were left out\n`);
  else if (record) recordFigures(results, circumstances());
  process.exitCode = isComplete && results.every(isWell) ? 0 : 1;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

function runCount(text: string): number {
  const count = wholeNumber(text);
  if (count === 0) throw new InvalidArgumentError('It must be 1 at least.');
  return count;
}

function rowNumber(text: string, before: number[] | undefined): number[] {
  const number = wholeNumber(text);
  if (!rows.some(({ row }) => row === number))
    throw new InvalidArgumentError('There is no such row.');
  return [...(before ?? []), number];
}
