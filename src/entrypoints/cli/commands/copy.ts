// SPDX-License-Identifier: GPL-3.0-or-later
import { Command, Option } from 'commander';
import type { CopyArguments, Output, Program } from '../program.ts';

/** `firstcome copy`: copies the records to another PostgreSQL, or back. */
export function copyCommand(program: Program, output: Output): Command {
  return new Command('copy')
    .summary('copy the records to your own PostgreSQL, or back')
    .description(
      'Copies all records between the bundled database in DATA_DIR and the PostgreSQL at ' +
        'DATABASE_URL; set both. The target must be empty. Every service on either side must ' +
        'be stopped. The source stays as it is. The versions of PostgreSQL may differ.',
    )
    .addOption(
      new Option('--to <target>', 'the database to copy to')
        .choices(['database-url', 'data-dir'])
        .makeOptionMandatory(),
    )
    .action((options: CopyArguments) => program.copy(options, output));
}
