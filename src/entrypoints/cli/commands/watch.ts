// SPDX-License-Identifier: GPL-3.0-or-later
import { Command } from 'commander';
import type { Output, Program, WatchOptions } from '../program.ts';

/** `firstcome watch`: shows the sale of one coupon while it goes on. */
export function watchCommand(program: Program, output: Output): Command {
  return new Command('watch')
    .summary('watch the sale of one coupon')
    .description(
      'Shows the sale of one coupon of a running service, each second until Ctrl-C: stock, claims, ' +
        'refusals, answer times and the last minutes. On a terminal it repaints one screen; ' +
        'elsewhere it prints a line of key=value each second, in which - is unknown. ' +
        'Sends VIEWER_API_KEY or else ADMIN_API_KEY, if one is set. ' +
        'Exit code 0: stopped; 1: refused, or could not be run; 2: wrong usage.',
    )
    .argument('<coupon>', 'the name of the coupon')
    .option('--url <url>', 'URL of the service (default: HOST and PORT)')
    .option('--json', 'print each second as a line of JSON, also on a terminal')
    .action((coupon: string, options: Omit<WatchOptions, 'coupon'>) =>
      program.watch({ ...options, coupon }, output),
    );
}
