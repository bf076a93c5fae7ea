// SPDX-License-Identifier: GPL-3.0-or-later
/** The child processes of the cluster, each with a log file. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ClusterError } from './cluster-error.ts';

const startMsMax = 60_000;
const stopMsMax = 15_000;
const pollMs = 50;
const shownLinesMax = 15;

/** What to start. */
export type ProcessPlan<Ready> = {
  /** Also names its log file. */
  name: string;
  program: string;
  args: string[];
  env?: Record<string, string | undefined>;
  /** Called with the output so far, again and again, until it returns a value: then the process is ready. */
  ready(output: string): Promise<Ready | undefined> | Ready | undefined;
};

/** A process that is ready. */
export type Started<Ready> = { name: string; pid: number; ready: Ready };

/** Starts processes, reports when one of them ends, and ends them. */
export class ChildProcesses {
  private readonly folder: string;
  private readonly signal: AbortSignal;
  private readonly onEnd: (name: string, how: string) => void;
  private readonly children = new Map<string, ChildProcess>();
  private isStopping = false;

  /** `onEnd` is called when a process ends that was ready and is not being stopped. */
  constructor(options: {
    /** Of the log files. */
    folder: string;
    /** Aborts every start that is under way. */
    signal: AbortSignal;
    onEnd(name: string, how: string): void;
  }) {
    this.folder = options.folder;
    this.signal = options.signal;
    this.onEnd = options.onEnd;
  }

  /** Starts a process and waits until it is ready. Rejects with its last lines if it ends before, or is not ready in 60 s. */
  async start<Ready>(plan: ProcessPlan<Ready>): Promise<Started<Ready>> {
    this.signal.throwIfAborted();
    const { name, program, args, env = {} } = plan;
    const child = spawn(program, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C reaches the cluster alone, which ends the others in order.
      detached: true,
    });
    this.children.set(name, child);
    const output = this.record(name, child);
    const ready = await this.waitUntilReady(plan, child, output);
    child.once('exit', () => {
      if (!this.isStopping) this.onEnd(name, endOf(child));
    });
    return { name, pid: child.pid ?? 0, ready };
  }

  /** Ends processes by name at the same time: with SIGTERM, after 15 s with SIGKILL. Ignores those that do not run. */
  async stop(isMeant: (name: string) => boolean): Promise<void> {
    this.isStopping = true;
    const meant = [...this.children].filter(([name]) => isMeant(name));
    await Promise.all(meant.map(([, child]) => end(child)));
  }

  /** Writes the output into a file, and returns a function that returns its end. */
  private record(name: string, child: ChildProcess): () => string {
    const file = createWriteStream(join(this.folder, `${name}.log`));
    // A full disk must not end the cluster.
    file.on('error', () => undefined);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-10_000);
        file.write(text);
      });
    }
    child.once('close', () => file.end());
    child.once('error', ({ message }) => {
      output += message;
    });
    return () => output;
  }

  private async waitUntilReady<Ready>(
    plan: ProcessPlan<Ready>,
    child: ChildProcess,
    output: () => string,
  ): Promise<Ready> {
    const deadlineMs = performance.now() + startMsMax;
    for (;;) {
      const hasEnded = isEnded(child);
      if (!hasEnded) {
        const ready = await plan.ready(output());
        if (ready !== undefined) return ready;
      }
      const isLate = performance.now() > deadlineMs;
      if (hasEnded || isLate) {
        const what = hasEnded ? `has ended (${endOf(child)})` : 'was not ready in a minute';
        const lines = output().trim().split('\n').slice(-shownLinesMax);
        throw new ClusterError([`${plan.name} ${what}:`, ...lines].join('\n'));
      }
      await wait(pollMs, undefined, { signal: this.signal });
    }
  }
}

/** Whether the process runs no more. One that could not be started has no id. */
function isEnded({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid === undefined || exitCode !== null || signalCode !== null;
}

const endOf = ({ exitCode, signalCode }: ChildProcess) => signalCode ?? `exit code ${exitCode}`;

async function end(child: ChildProcess): Promise<void> {
  if (isEnded(child)) return;
  const ended = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
  child.kill('SIGTERM');
  await ended;
  clearTimeout(timer);
}
