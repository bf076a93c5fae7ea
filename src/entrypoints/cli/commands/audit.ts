// SPDX-License-Identifier: GPL-3.0-or-later
import { Command, Option } from 'commander';
import type { AuditArguments, Output, Program, Verdict } from '../program.ts';

/** `firstcome audit`: audits a recorded history against the stored tables. */
export function auditCommand(
  program: Program,
  output: Output,
  onVerdict: (verdict: Verdict) => void,
): Command {
  return new Command('audit')
    .summary('audit a drill against the stored tables')
    .description(
      'Audits the history of a `firstcome drill` against the stored tables: those of DATABASE_URL, ' +
        'of the bundled PostgreSQL in DATA_DIR while it runs here, or of a dump. ' +
        'Exit code 0: passed; 1: failed, or could not be run; 2: wrong usage; 3: unknown.',
    )
    .argument('<history>', 'history file of a drill')
    .option('--faults <file>', 'faults injected during the drill; see below')
    .option('--dump <file>', 'audit against this dump instead of a database')
    .addOption(
      new Option('--write-dump <file>', 'write the tables of the database to a file').conflicts(
        'dump',
      ),
    )
    .addHelpText('after', `\n${faultsHelp}`)
    .action(async (historyFile: string, options: Omit<AuditArguments, 'historyFile'>) => {
      onVerdict(await program.audit({ historyFile, ...options }, output));
    });
}

const faultsHelp = `A file of faults lists the faults that were injected while the history was
recorded. The audit does not count connections that broke then against the
service. Each fault has two lines: its start, and its end after full recovery.

  {"fault":"kill","phase":"start","at":"2026-11-23T02:46:10Z"}
  {"fault":"kill","phase":"end","at":"2026-11-23T02:46:13Z"}

"fault" is any name; "at" is an RFC 3339 time. In place of "at" a line may have
"t_ms": milliseconds since "started_at" in the first line of the history.

The history of \`firstcome drill sagas\` also has the books of the participants
and the events of a webhook. Rule R15 compares these events with the ledger, and
R24 to R29 compare the books with the claims. Sagas that need attention are
listed, and their books are not judged. See docs/guarantees.md.
`;
