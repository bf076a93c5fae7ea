// SPDX-License-Identifier: GPL-3.0-or-later
/** The parser of the command line and its commands. */
import { Command } from 'commander';
import { acceptHistoryCommand } from './commands/accept-history.ts';
import { auditCommand } from './commands/audit.ts';
import { backupCommand, restoreCommand } from './commands/backup.ts';
import { claimsCommand } from './commands/claims.ts';
import { configCommand } from './commands/config.ts';
import { consumeCommand } from './commands/consume.ts';
import { copyCommand } from './commands/copy.ts';
import { deadLettersCommand } from './commands/dead-letters.ts';
import { drillCommand } from './commands/drill.ts';
import { helpCommand } from './commands/help.ts';
import { logCommand } from './commands/log.ts';
import { migrateCommand } from './commands/migrate.ts';
import { sagasCommand } from './commands/sagas.ts';
import { serveCommand } from './commands/serve.ts';
import { watchCommand } from './commands/watch.ts';
import { workerCommand } from './commands/worker.ts';
import { errorLine } from './error-line.ts';
import { helpHint, rootHelp } from './help-text.ts';
import type { Output, Program, Verdict } from './program.ts';

/**
 * Runs the command that the arguments name. Resolves to the verdict of a command that has one. Rejects with a
 * `CommanderError` after it has shown the help or the mistake in the arguments.
 */
export async function parse(
  args: readonly string[],
  program: Program,
  output: Output,
): Promise<Verdict | undefined> {
  let verdict: Verdict | undefined;
  const command = buildCommand(program, output, (given) => {
    verdict = given;
  });
  await command.parseAsync(args, { from: 'user' });
  return verdict;
}

function buildCommand(
  program: Program,
  output: Output,
  onVerdict: (verdict: Verdict) => void,
): Command {
  const root = new Command('firstcome')
    .version(program.version, '-V, --version', 'show the version')
    .helpCommand(false);
  root.helpInformation = () => rootHelp;
  const commands = [
    serveCommand(program),
    consumeCommand(program),
    migrateCommand(program, output),
    configCommand(program, output),
    drillCommand(program, output, onVerdict),
    auditCommand(program, output, onVerdict),
    watchCommand(program, output),
    logCommand(program, output),
    claimsCommand(program, output, onVerdict),
    sagasCommand(program, output, onVerdict),
    deadLettersCommand(program, output, onVerdict),
    acceptHistoryCommand(program, output, onVerdict),
    backupCommand(program, output),
    restoreCommand(program, output),
    copyCommand(program, output),
    helpCommand(program, output),
    workerCommand(program),
  ];
  for (const command of [root, ...commands]) {
    command
      .exitOverride()
      .helpOption('-h, --help', 'show this help')
      .showHelpAfterError(helpHint(command === root ? undefined : command.name()))
      .configureOutput({
        writeOut: output.stdout,
        writeErr: output.stderr,
        outputError: (text, write) =>
          write(text.replace(/^error: (.*)/, (_, line: string) => errorLine(line, output))),
        getOutHelpWidth: () => 80,
        getErrHelpWidth: () => 80,
      });
    if (command !== root) root.addCommand(command, { hidden: command.name() === 'worker' });
  }
  return root;
}
