// SPDX-License-Identifier: GPL-3.0-or-later
import { Command } from 'commander';
import type { Output, Program } from '../program.ts';

/** `firstcome backup`: writes the bundled database into one file. */
export function backupCommand(program: Program, output: Output): Command {
  return new Command('backup')
    .summary('write the bundled database into a file')
    .description(
      'Writes the bundled database in DATA_DIR into one file. The service must be stopped. ' +
        'The file appears when it is complete. It contains the password of the database.',
    )
    .argument('<file>', 'file of the backup, such as firstcome.tar.gz')
    .option('--force', 'replace an existing file')
    .action((file: string, options: { force?: boolean }) =>
      program.backup({ file, ...options }, output),
    );
}

/** `firstcome restore`: restores the bundled database from a file. */
export function restoreCommand(program: Program, output: Output): Command {
  return new Command('restore')
    .summary('restore the bundled database from a file')
    .description(
      'Restores a backup into DATA_DIR, which must be empty or missing, and checks that stock, ' +
        'claims and ledger are consistent. It needs the platform and the PostgreSQL version ' +
        'of the backup. Exit code 1: not restored, or not consistent.',
    )
    .argument('<file>', 'file of the backup')
    .action((file: string) => program.restore({ file }, output));
}
