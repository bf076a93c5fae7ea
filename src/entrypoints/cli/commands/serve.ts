// SPDX-License-Identifier: GPL-3.0-or-later
import { Command } from 'commander';
import type { Program, ServeOptions } from '../program.ts';

/** `firstcome serve`: runs the service until a signal stops it. */
export function serveCommand(program: Program): Command {
  return new Command('serve')
    .summary('run the service; also without a command')
    .description(
      'Runs the service until it receives SIGTERM or SIGINT (Ctrl-C), or its terminal closes. ' +
        'Without a terminal, SIGHUP reads the files of API keys again. Without DATABASE_URL it ' +
        'starts a bundled PostgreSQL and keeps the data in DATA_DIR.',
    )
    .option('--workers <count>', 'processes that share the port, or auto (overrides WORKERS)')
    .option('--unsafe-durability', 'start also on a database that can lose acknowledged claims')
    .action((options: ServeOptions) => program.serve(options));
}
