// SPDX-License-Identifier: GPL-3.0-or-later
import { Command, InvalidArgumentError } from 'commander';
import type { LogOptions, Output, Program } from '../program.ts';

/** `firstcome log`: prints what operators created and changed. */
export function logCommand(program: Program, output: Output): Command {
  return new Command('log')
    .summary('show what operators created and changed')
    .description(
      'Prints the operator log of a running service, the newest entry first: the time, the key ' +
        'that the call had, the action, the coupon and what changed. Sends ADMIN_API_KEY if it is set.',
    )
    .option('--url <url>', 'URL of the service (default: HOST and PORT)')
    .option('--limit <count>', 'number of entries', count, 50)
    .option('--json', 'print each entry as a line of JSON')
    .action((options: LogOptions) => program.log(options, output));
}

function count(text: string): number {
  const value = Number(text);
  if (!/^\d{1,6}$/.test(text) || value === 0) {
    throw new InvalidArgumentError('It must be a whole number from 1 to 999999.');
  }
  return value;
}
