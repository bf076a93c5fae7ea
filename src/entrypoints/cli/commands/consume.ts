// SPDX-License-Identifier: GPL-3.0-or-later
import { Command } from 'commander';
import type { Program } from '../program.ts';

/** `firstcome consume`: decides queued claims until a signal stops it. */
export function consumeCommand(program: Program): Command {
  return new Command('consume')
    .summary('decide queued claims, without the API')
    .description(
      'Decides the claims that a service has queued, until it receives SIGTERM or SIGINT (Ctrl-C). ' +
        'Needs the AMQP_URL and the DATABASE_URL of the service. Serves health and metrics on HOST and ' +
        'PORT, and nothing else. It is one process, whatever WORKERS says: start it several times for more.',
    )
    .action(() => program.consume());
}
