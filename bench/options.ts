// SPDX-License-Identifier: GPL-3.0-or-later
/** The command line of the bench. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { onlyWords, type PlanOptions } from './plan.ts';
import { usualPoolDefault } from './targets.ts';

/** What the command line asks for. */
export type BenchOptions = PlanOptions & {
  databaseUrl: string | undefined;
  folder: string | undefined;
  output: string | undefined;
  usualPool: number;
};

/** Reads the arguments; ends the process after `--help`, or after a mistake with exit code 2. */
export function readBenchOptions(args: string[]): BenchOptions {
  const command = databaseOptions(
    new Command('npm run bench --').description(
      'Measures firstcome side by side with an empty handler and with the usual design of one ' +
        'transaction a claim, audits the database after every run, and writes the figures to ' +
        'bench/results. Exit code 1: an audit found something, and that run is no result.',
    ),
  )
    .option('--quick', 'the most telling runs only, in under two minutes', false)
    .option('--full', 'every workload at every number of connections', false)
    .option('--rounds <count>', 'rounds of each measurement (3)', wholeNumber)
    .option('--seconds <count>', 'seconds of each run (5; with --quick 1)', wholeNumber)
    .option('--connections <counts>', 'such as 64,256: instead of 1,16,64,256,1024', wholeNumbers)
    .addOption(
      new Option('--only <workload>', 'one workload or phase').choices(Object.keys(onlyWords)),
    )
    .option(
      '--usual-pool <count>',
      'connections of the usual design to the database',
      wholeNumber,
      usualPoolDefault,
    )
    .option('--output <file>', 'where the results go, instead of bench/results');
  return parse(command, args);
}

/** Adds the options about the database, which all programs of the bench have. */
export function databaseOptions(command: Command): Command {
  return command
    .option('--database-url <url>', 'a PostgreSQL to use, whose user may create databases')
    .option('--folder <path>', 'where the bundled PostgreSQL gets its folder, which is removed');
}

/** Parses with exit code 2 for a mistake. */
export function parse<Options>(command: Command, args: string[]): Options {
  command.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  return command.parse(args, { from: 'user' }).opts() as Options;
}

/** A whole number from 1. */
export function wholeNumber(text: string): number {
  const number = Number(text.replaceAll('_', ''));
  if (!Number.isSafeInteger(number) || number < 1) {
    throw new InvalidArgumentError('It must be a whole number from 1.');
  }
  return number;
}

function wholeNumbers(text: string): number[] {
  return text.split(',').map(wholeNumber);
}
