// SPDX-License-Identifier: GPL-3.0-or-later

/** Steps that run at the end, in reverse order, after success, failure or Ctrl-C. */
export class CleanUp {
  private readonly steps: (() => Promise<void> | void)[] = [];
  private ending: Promise<void> | undefined;

  add(step: () => Promise<void> | void): void {
    this.steps.push(step);
  }

  /** Runs all steps; a second call has no effect. A step that fails does not stop the others. */
  run(): Promise<void> {
    this.ending ??= this.runAll();
    return this.ending;
  }

  private async runAll(): Promise<void> {
    for (const step of this.steps.reverse()) {
      try {
        await step();
      } catch (error) {
        say(`clean-up: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}

/** Runs a program of the bench and then its clean-up. Resolves to the exit code. */
export async function runCleanly(program: (cleanUp: CleanUp) => Promise<number>): Promise<number> {
  const cleanUp = new CleanUp();
  let code: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (code !== undefined) return;
    code = signal === 'SIGINT' ? 130 : 143;
    const exit = () => process.exit(code);
    say('stopping: ending the processes and removing the folders of this run');
    cleanUp.run().then(exit, exit);
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  process.on('uncaughtException', (error) => {
    if (code !== undefined) return;
    code = 1;
    say(textOf(error));
    const exit = () => process.exit(code);
    cleanUp.run().then(exit, exit);
  });
  try {
    return await program(cleanUp);
  } catch (error) {
    // After a signal all running work fails. These errors are expected.
    if (code === undefined) say(textOf(error));
    return code ?? 1;
  } finally {
    await cleanUp.run();
  }
}

// Their messages say what to do; a stack trace would hide that.
const explained = new Set(['BundledPostgresError', 'StartError']);

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return explained.has(error.name) ? error.message : (error.stack ?? error.message);
}

/** Writes one line to the terminal. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
