// SPDX-License-Identifier: GPL-3.0-or-later
/** Runs what a command starts, until a signal stops it. */
import type { App } from '../app.ts';
import type { StartOptions } from './database.ts';
import type { Signals } from './signals.ts';
import { sayOnTerminal } from './terminal.ts';

const abortMsMax = 1_000;

/** What is run, and what the terminal shows. */
export type Runnable = {
  start(options: StartOptions): Promise<App>;
  /** The text once it runs. */
  welcome(app: App): string;
  /** What a stop waits for. */
  draining: string;
};

/** Starts and, once a signal has come, stops. A signal during the start aborts it. */
export async function runUntilStopped(
  { stopped, signal, onReload }: Signals,
  { start, welcome, draining }: Runnable,
): Promise<void> {
  let activity = 'aborting the start';
  void stopped.then((name) => {
    const again = name === 'SIGINT' ? '; Ctrl-C again ends at once' : '';
    sayOnTerminal(`stopping: ${activity}${again}`);
  });
  let app: App;
  try {
    app = await start({ say: sayOnTerminal, signal, onReload });
  } catch (error) {
    if (!signal.aborted) throw error;
    // Some steps cannot be aborted, such as the resolution of a host name, and must not delay the exit.
    setTimeout(() => process.exit(), abortMsMax).unref();
    return;
  }
  try {
    activity = draining;
    sayOnTerminal(welcome(app));
    await stopped;
  } finally {
    await app.stop();
  }
  sayOnTerminal('stopped');
}
