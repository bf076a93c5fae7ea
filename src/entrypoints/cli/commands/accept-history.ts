// SPDX-License-Identifier: GPL-3.0-or-later
import { Command } from 'commander';
import type { AcceptHistoryOptions, Output, Program, Verdict } from '../program.ts';

/** `firstcome accept-history`: goes on without acknowledged batches that the database lacks. */
export function acceptHistoryCommand(
  program: Program,
  output: Output,
  onVerdict: (verdict: Verdict) => void,
): Command {
  return new Command('accept-history')
    .summary('go on without acknowledged claims that were lost')
    .description(
      'Lists the batches of claims that were acknowledged and that the database lacks, as after a ' +
        'failover to a server that was behind. All calls are refused meanwhile. With --yes it ' +
        'accepts the loss, and every process serves calls again. Calls a running service, and ' +
        'sends ADMIN_API_KEY if it is set. Exit code 0: done; 1: refused, or could not be run; ' +
        '2: wrong usage; 3: the answer was lost.',
    )
    .option('--yes', 'accept what is listed')
    .option('--url <url>', 'URL of the service (default: HOST and PORT)')
    .option('--json', 'print the list as a line of JSON')
    .action(async (options: AcceptHistoryOptions) =>
      onVerdict(await program.acceptHistory(options, output)),
    );
}
