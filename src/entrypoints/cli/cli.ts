// SPDX-License-Identifier: GPL-3.0-or-later
/** The command line: turns arguments into one call of the program, and its result into text and an exit code. */
import { shownLines } from '../../core/shown-text.ts';
import { errorLine } from './error-line.ts';
import { helpHint, rootHelp } from './help-text.ts';
import type { Output, Program, Verdict } from './program.ts';

export type { Output, Program };

/**
 * The exit codes: 1 for a failed audit or an error that the operator can fix; 2 for a wrong command line; 3 for an audit
 * with too little evidence; 70 (EX_SOFTWARE) for a bug.
 */
export const exitCodes = { done: 0, cannotRun: 1, wrongUsage: 2, unknown: 3, bug: 70 } as const;

const exitCodeOf: Record<Verdict, number> = {
  passed: exitCodes.done,
  failed: exitCodes.cannotRun,
  unknown: exitCodes.unknown,
};

const expectedErrors = new Set([
  ...['ConfigError', 'BundledPostgresError', 'StartError', 'DrillError', 'RecordingError'],
]);

const processOutput: Output = {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  errorColumns: process.stderr.isTTY ? 80 : undefined,
};

/**
 * Runs one command and resolves to the exit code; never rejects. `args` are the arguments after the name of the program;
 * without any it runs `serve`.
 */
export async function runCli(
  args: readonly string[],
  program: Program,
  plainOutput: Output = processOutput,
): Promise<number> {
  const output = harmlessOn(plainOutput);
  try {
    const answer = linesWithoutParser.get(args.join(' '));
    if (answer !== undefined) {
      output.stdout(`${await answer(program)}\n`);
      return exitCodes.done;
    }
    const { parse } = await import('./parse.ts');
    const verdict = await parse(args.length === 0 ? ['serve'] : args, program, output);
    return verdict === undefined ? exitCodes.done : exitCodeOf[verdict];
  } catch (error) {
    // The parser has already shown the mistake or the help.
    if (error instanceof Error && error.name === 'CommanderError') {
      return (error as { exitCode?: number }).exitCode === 0
        ? exitCodes.done
        : exitCodes.wrongUsage;
    }
    return await report(error, output);
  }
}

/** The output, on which no text of a caller, a service or a database moves, hides or reorders another one. */
function harmlessOn(output: Output): Output {
  return {
    ...output,
    stdout: (text) => output.stdout(shownLines(text)),
    stderr: (text) => output.stderr(shownLines(text)),
  };
}

const version = (program: Program) => program.version;
const help = () => rootHelp.trimEnd();

/** Command lines that need no parser: loading it takes longer than they do. */
const linesWithoutParser = new Map<string, (program: Program) => Promise<string> | string>([
  ['--version', version],
  ['-V', version],
  ['--help', help],
  ['-h', help],
  ['help', help],
  ['help settings', (program) => program.settingsHelp()],
  ['config', (program) => program.config()],
]);

async function report(error: unknown, output: Output): Promise<number> {
  const lines = expectedLines(error);
  if (lines === undefined) {
    const { inspect } = await import('node:util');
    output.stderr(`firstcome: unexpected error\n${inspect(error)}\n`);
    return exitCodes.bug;
  }
  output.stderr(lines.map((line) => `${errorLine(line, output)}\n`).join(''));
  if ((error as Error).name !== 'DrillOptionsError') return exitCodes.cannotRun;
  output.stderr(`${helpHint('drill')}\n`);
  return exitCodes.wrongUsage;
}

/** The lines of an error that the operator can fix; undefined for a bug, which is shown with its stack. */
function expectedLines(error: unknown): string[] | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('mistakes' in error && Array.isArray(error.mistakes)) return error.mistakes.map(String);
  if (expectedErrors.has(error.name)) return error.message.split('\n');
  return undefined;
}
