// SPDX-License-Identifier: GPL-3.0-or-later
import { Command } from 'commander';
import type { Output, Program } from '../program.ts';

/** `firstcome config`: prints the effective settings, so that they can be checked before a start. */
export function configCommand(program: Program, output: Output): Command {
  return new Command('config')
    .summary('check the settings and print their values')
    .description(
      'Checks every setting and prints its effective value and the source of the value. ' +
        'Secrets are hidden. Exits with 1 and lists every mistake if there are any.',
    )
    .action(async () => output.stdout(`${await program.config()}\n`));
}
