// SPDX-License-Identifier: GPL-3.0-or-later
import { Command } from 'commander';
import type { Output, Program } from '../program.ts';

/** `firstcome config`: shows what the environment comes to, so that it can be checked before a start. */
export function configCommand(program: Program, output: Output): Command {
  return new Command('config')
    .summary('check the settings and show those in force')
    .description(
      'Checks every setting and shows the values in force and where they came from. ' +
        'Secrets are hidden. Exits with 1 and lists every mistake if there are any.',
    )
    .action(async () => output.stdout(`${await program.config()}\n`));
}
