// SPDX-License-Identifier: GPL-3.0-or-later
import { Command } from 'commander';
import type { MigrateOptions, Output, Program } from '../program.ts';

/** `firstcome migrate`: applies the missing migrations and prints them. */
export function migrateCommand(program: Program, output: Output): Command {
  return new Command('migrate')
    .summary('migrate the database to this version')
    .description(
      'Applies the migrations that the database lacks, in order. Running it again, or in ' +
        'two places at once, applies nothing twice.',
    )
    .option(
      '--new-installation',
      'create an installation in DATABASE_SCHEMA next to an existing one',
    )
    .action(async (options: MigrateOptions) => {
      const { schema, applied } = await program.migrate(options);
      const lines = [
        ...(applied.length === 0 ? ['up to date'] : applied.map((name) => `applied ${name}`)),
        `schema ${schema}`,
      ];
      output.stdout(`${lines.join('\n')}\n`);
    });
}
