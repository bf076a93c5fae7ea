// SPDX-License-Identifier: GPL-3.0-or-later
/** The command line: turns arguments into one call of the program, and what happens into text and an exit code. */
import { inspect } from 'node:util';
import { Command, CommanderError } from 'commander';
import { auditCommand } from './commands/audit.ts';
import { configCommand } from './commands/config.ts';
import { drillCommand } from './commands/drill.ts';
import { migrateCommand } from './commands/migrate.ts';
import { serveCommand } from './commands/serve.ts';
import { workerCommand } from './commands/worker.ts';
import type { Output, Program, Verdict } from './program.ts';

export type { Output, Program };

/**
 * The exit codes: 1 is for the operator to mend, or an audit that failed; 2 a wrong command line; 3 an audit that saw too
 * little; 70 (EX_SOFTWARE) a bug.
 */
export const exitCodes = { done: 0, cannotRun: 1, wrongUsage: 2, unknown: 3, bug: 70 } as const;

const exitCodeOf: Record<Verdict, number> = {
  passed: exitCodes.done,
  failed: exitCodes.cannotRun,
  unknown: exitCodes.unknown,
};

const expectedErrors = new Set([
  ...['ConfigError', 'EmbeddedPostgresError', 'StartError', 'DrillError', 'RecordingError'],
]);

const processOutput: Output = {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
};

/**
 * Runs one command and resolves to the exit code; never rejects. `args` are those after the name of the program, and
 * none at all means `serve`.
 */
export async function runCli(
  args: readonly string[],
  program: Program,
  output: Output = processOutput,
): Promise<number> {
  try {
    let exitCode: number = exitCodes.done;
    const command = buildCommand(program, output, (verdict) => {
      exitCode = exitCodeOf[verdict];
    });
    await command.parseAsync(args.length === 0 ? ['serve'] : args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // The parser has already told what was wrong, or shown the help that was asked for.
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? exitCodes.done : exitCodes.wrongUsage;
    }
    return report(error, output);
  }
}

function buildCommand(
  program: Program,
  output: Output,
  onVerdict: (verdict: Verdict) => void,
): Command {
  const root = new Command('firstcome')
    .description('Flash-sale coupon claims that are first come, first served, exactly.')
    .usage('[command]')
    .version(program.version)
    .addHelpText('after', () => `\nEnvironment, with defaults:\n\n${program.settingsHelp()}`);
  const commands = [
    serveCommand(program),
    migrateCommand(program, output),
    configCommand(program, output),
    drillCommand(program, output, onVerdict),
    auditCommand(program, output, onVerdict),
    workerCommand(program),
  ];
  for (const command of [root, ...commands]) {
    command
      .exitOverride()
      .showHelpAfterError(helpHint(command === root ? undefined : command.name()))
      .configureOutput({
        writeOut: output.stdout,
        writeErr: output.stderr,
        outputError: (text, write) => write(text.replace(/^error: /, 'firstcome: ')),
        getOutHelpWidth: () => 80,
        getErrHelpWidth: () => 80,
      });
    if (command !== root) root.addCommand(command, { hidden: command.name() === 'worker' });
  }
  return root;
}

function helpHint(command: string | undefined): string {
  return `(${['firstcome', command, '--help'].filter(Boolean).join(' ')} tells what there is)`;
}

function report(error: unknown, output: Output): number {
  const lines = expectedLines(error);
  if (lines === undefined) {
    output.stderr(`firstcome: unexpected error\n${inspect(error)}\n`);
    return exitCodes.bug;
  }
  output.stderr(lines.map((line) => `firstcome: ${line}\n`).join(''));
  if ((error as Error).name !== 'DrillOptionsError') return exitCodes.cannotRun;
  output.stderr(`${helpHint('drill')}\n`);
  return exitCodes.wrongUsage;
}

/** The lines that tell of an error which the operator can mend; undefined when it is a bug, whose stack is wanted. */
function expectedLines(error: unknown): string[] | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('mistakes' in error && Array.isArray(error.mistakes)) return error.mistakes.map(String);
  if (expectedErrors.has(error.name)) return error.message.split('\n');
  return undefined;
}
