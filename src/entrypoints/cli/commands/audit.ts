// SPDX-License-Identifier: GPL-3.0-or-later
import { Command, Option } from 'commander';
import type { AuditArguments, Output, Program, Verdict } from '../program.ts';

/** `firstcome audit`: judges a recorded history against what is stored. */
export function auditCommand(
  program: Program,
  output: Output,
  onVerdict: (verdict: Verdict) => void,
): Command {
  return new Command('audit')
    .summary('judge a drill by what is stored')
    .description(
      'Judges what clients saw, as `firstcome drill` recorded it, against what is stored: ' +
        'DATABASE_URL, or the bundled PostgreSQL in DATA_DIR while it runs here, or a dump. ' +
        'Exit code 0: passed; 1: failed, or could not be run; 2: wrong usage; 3: unknown.',
    )
    .argument('<history>', 'file that a drill wrote')
    .option('--faults <file>', 'what was broken on purpose meanwhile; see below')
    .option('--dump <file>', 'judge this dump instead of a database')
    .addOption(
      new Option('--write-dump <file>', 'keep what was read from the database').conflicts('dump'),
    )
    .addHelpText('after', `\n${faultsHelp}`)
    .action(async (historyFile: string, options: Omit<AuditArguments, 'historyFile'>) => {
      onVerdict(await program.audit({ historyFile, ...options }, output));
    });
}

const faultsHelp = `A file of faults tells what somebody broke on purpose while the history was
recorded, so that a connection that broke then is not held against the service.
Each fault has two lines: its start, and its end, when all was whole again.

  {"fault":"kill","phase":"start","at":"2026-11-23T02:46:10Z"}
  {"fault":"kill","phase":"end","at":"2026-11-23T02:46:13Z"}

"fault" is any name; "at" is a time as in RFC 3339. "t_ms" may stand instead of
"at": milliseconds since "started_at" in the first line of the history.
`;
