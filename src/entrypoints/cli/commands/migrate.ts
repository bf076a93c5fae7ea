// SPDX-License-Identifier: GPL-3.0-or-later
import { Command } from 'commander';
import type { MigrateOptions, Output, Program } from '../program.ts';

/** `firstcome migrate`: applies the missing migrations and prints them. */
export function migrateCommand(program: Program, output: Output): Command {
  return new Command('migrate')
    .summary('migrate the database to this version')
    .description(
      'Applies the migrations that the database lacks, in order. Running it again, or in ' +
        'two places at once, applies nothing twice. Services of the release before can go ' +
        'on meanwhile and afterwards, until --finish.',
    )
    .option(
      '--finish',
      'also remove what only earlier releases use; refuses while one is connected',
    )
    .option(
      '--new-installation',
      'create an installation in DATABASE_SCHEMA next to an existing one',
    )
    .action(async (options: MigrateOptions) => {
      const { schema, applied, unfinished } = await program.migrate(options);
      const lines = [
        ...(applied.length === 0 ? ['up to date'] : applied.map((name) => `applied ${name}`)),
        ...(options.finish ? ['finished: holds can be used'] : []),
        ...unfinished.map((name) => `not finished: ${name} is left for firstcome migrate --finish`),
        `schema ${schema}`,
      ];
      output.stdout(`${lines.join('\n')}\n`);
    });
}
