// SPDX-License-Identifier: GPL-3.0-or-later
import { Command } from 'commander';
import type { Output, Program } from '../program.ts';

/** `firstcome migrate`: brings the database up to date and says what it did. */
export function migrateCommand(program: Program, output: Output): Command {
  return new Command('migrate')
    .summary('bring the database up to date')
    .description(
      'Applies the migrations that the database lacks, in order. Running it again, or in ' +
        'two places at once, applies nothing twice.',
    )
    .action(async () => {
      const names = await program.migrate();
      const lines = names.length === 0 ? ['up to date'] : names.map((name) => `applied ${name}`);
      output.stdout(`${lines.join('\n')}\n`);
    });
}
