// SPDX-License-Identifier: GPL-3.0-or-later
/** Starts the processes of a run. Each target has its own, so that its CPU time and memory can be measured. */
import { type ChildProcess, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import type { CleanUp } from './clean-up.ts';

const startMsMax = 60_000;
const stopMsMax = 10_000;

/** A process that has reported that it is ready. */
export type Launched = {
  pid: number;
  /** The first group of the `ready` pattern, such as the URL of a service. */
  readyValue: string;
  child: ChildProcess;
  /** Ends the process: with SIGTERM, after 10 s with SIGKILL. A second call has no effect. */
  stop(): Promise<void>;
};

/** Starts a Node process and waits until its output matches `ready`, whose first group becomes `readyValue`. */
export async function launch(
  options: { args: string[]; env?: Record<string, string>; ready: RegExp },
  cleanUp: CleanUp,
): Promise<Launched> {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, options.args, {
    // A folder without a configuration file.
    cwd: tmpdir(),
    env: { PATH, HOME, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // In its own process group, so that Ctrl-C ends it through the clean-up, in order.
    detached: true,
  });
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= end(child);
    return stopping;
  };
  cleanUp.add(stop);
  const readyValue = await waitUntilReady(child, options.ready);
  return { pid: child.pid ?? 0, readyValue, child, stop };
}

function waitUntilReady(child: ChildProcess, ready: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    const fail = (what: string) => reject(new Error(`a process of the bench ${what}:\n${output}`));
    const timer = setTimeout(() => fail('was not ready in time'), startMsMax);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-20_000);
        const readyValue = ready.exec(output)?.[1];
        if (readyValue === undefined) return;
        clearTimeout(timer);
        resolve(readyValue);
      });
    }
    child.once('error', reject);
    child.once('exit', () => {
      clearTimeout(timer);
      fail('ended before it was ready');
    });
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
  await exited;
  clearTimeout(timer);
}

/** Runs a program and resolves to its whole output. Rejects when it ends with an exit code that is not expected. */
export function runToEnd(
  command: string,
  args: string[],
  cleanUp: CleanUp,
  options: { env?: Record<string, string>; exitCodes?: readonly number[] } = {},
): Promise<string> {
  const { exitCodes = [0] } = options;
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...options.env };
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    cleanUp.add(() => end(child));
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.once('error', reject);
    child.once('close', (code) => {
      if (code !== null && exitCodes.includes(code)) resolve(output);
      else reject(new Error(`${command} ended with ${code}:\n${output.slice(-2_000)}`));
    });
  });
}
