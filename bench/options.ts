// SPDX-License-Identifier: GPL-3.0-or-later
/** The command line of the bench. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { onlyChoices, type PlanOptions } from './plan.ts';
import { usualPoolDefault } from './targets.ts';

/** The options of `npm run bench`. */
export type BenchOptions = PlanOptions & {
  databaseUrl: string | undefined;
  folder: string | undefined;
  output: string | undefined;
  usualPool: number;
};

/** Reads the arguments. Ends the process after `--help`, and with exit code 2 after an invalid option. */
export function readBenchOptions(args: string[]): BenchOptions {
  const command = databaseOptions(
    new Command('npm run bench --').description(
      'Compares firstcome with an empty handler and with the usual design of one transaction per ' +
        'claim, audits the database after every run, and writes the figures to bench/results. ' +
        'Exit code 1: an audit found a violation, and that run does not count.',
    ),
  )
    .option('--quick', 'only the most important runs, in under two minutes', false)
    .option('--full', 'every workload at every number of connections', false)
    .option('--rounds <count>', 'rounds of each measurement (3)', wholeNumber)
    .option('--seconds <count>', 'seconds of each run (5; with --quick 1)', wholeNumber)
    .option('--connections <counts>', 'for example 64,256 (1,16,64,256,1024)', wholeNumbers)
    .addOption(
      new Option('--only <workload>', 'run one workload or phase').choices(
        Object.keys(onlyChoices),
      ),
    )
    .option(
      '--usual-pool <count>',
      'database connections of the usual design',
      wholeNumber,
      usualPoolDefault,
    )
    .option('--output <file>', 'file for the results, instead of one in bench/results');
  return parse(command, args);
}

/** Adds the database options that all programs of the bench have. */
export function databaseOptions(command: Command): Command {
  return command
    .option(
      '--database-url <url>',
      'use this PostgreSQL; the user must be able to create databases',
    )
    .option('--folder <path>', 'parent of the temporary data folder of the bundled PostgreSQL');
}

/** Parses the arguments. Ends the process with exit code 2 after an invalid option. */
export function parse<Options>(command: Command, args: string[]): Options {
  command.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  return command.parse(args, { from: 'user' }).opts() as Options;
}

/** Parses a whole number of at least 1. */
export function wholeNumber(text: string): number {
  const number = Number(text.replaceAll('_', ''));
  if (!Number.isSafeInteger(number) || number < 1) {
    throw new InvalidArgumentError('It must be a whole number of at least 1.');
  }
  return number;
}

function wholeNumbers(text: string): number[] {
  return text.split(',').map(wholeNumber);
}
