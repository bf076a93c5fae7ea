// SPDX-License-Identifier: GPL-3.0-or-later
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Account } from './account.ts';
import { signalProcess } from './processes.ts';

// The shell outlives a Node that is killed with -9, which nothing inside Node could. File descriptor 3 is a pipe that
// Node holds: it tells Node the pid, and its end tells the watcher that Node is gone. The reading is done by a watcher
// in the background because a shell that reads itself cannot reap its child, and the zombie would block a restart.
// A program that has just begun may not listen yet, so it is interrupted more than once. A trapped signal interrupts
// `wait`, hence the last loop. The last TERM takes the watcher and its sleep along, each reaped by
// its parent: in a container nobody else may do that. HUP and USR1 mean something to the service, and may be sent to
// all of its processes: they end nothing here.
const script = `
input=$1; shift
"$@" <"$input" 3<&- & child=$!
trap 'again=1; kill -INT $child 2>/dev/null' TERM INT
trap 'again=1' HUP USR1
echo $child >&3
(
  trap '' HUP USR1
  read _ <&3
  trap 'wait; exit' TERM
  turn=0
  while [ $turn -lt 10 ]; do turn=$((turn + 1)); kill -INT $child || exit; sleep 1 & wait $!; done
  kill -QUIT $child
) 2>/dev/null & watcher=$!
exec 3<&-
again=1
while [ "$again" ]; do again=; wait $child; code=$?; done
trap '' TERM
kill -TERM 0
wait $watcher
exit $code
`;

const interruptMsMax = 4_000;
const interruptEachMs = 500;
const quitMsMax = 2_000;
const killMsMax = 500;
// Processes that a killed server leaves behind hold stderr open, so its end cannot be waited for without a limit.
const lastLinesMs = 250;

/** What to run, as whom, and who reads what it writes. */
export type SuperviseOptions = {
  /** Program and arguments, passed as they are: no shell reads them. */
  command: string[];
  account: Account;
  /** File to read as standard input; nothing by default. */
  input?: string;
  environment?: Record<string, string>;
  /** Called for each line of standard error. */
  onLine(line: string): void;
};

/** A program in a session of its own, so Ctrl-C does not reach it, which ends soon after this process, however that ends. */
export type Supervised = {
  /** Process id of the program, not of the shell around it; undefined until it runs. */
  pid(): number | undefined;
  hasExited(): boolean;
  /** Settles when the program is gone: its exit code, 128 and more for a signal. Never rejects. */
  exited: Promise<number>;
  /** Ends it: SIGINT, after 4 s SIGQUIT, after 2 s more SIGKILL. Settles when it is gone. */
  end(): Promise<void>;
};

/** Starts a program under the supervising shell. */
export function supervise(options: SuperviseOptions): Supervised {
  const { account } = options;
  const command = [options.input ?? '/dev/null', ...account.prefix, ...options.command];
  const shell = spawn('/bin/sh', ['-c', script, 'firstcome-postgres', ...command], {
    // The working folder of this process may be closed to the account.
    cwd: '/',
    detached: true,
    env: { ...childEnvironment(), ...options.environment },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    ...account.ids,
  });
  const pipe = shell.stdio[3] as Duplex;
  const stderr = shell.stderr;
  if (stderr) createInterface({ input: stderr }).on('line', options.onLine);

  let pid: number | undefined;
  let isGone = false;
  // A shell that has ended resets its end of the pipe; that is told by its exit.
  pipe.on('error', () => {});
  pipe.on('data', (text: Buffer) => {
    pid ??= Number.parseInt(text.toString(), 10);
  });
  const exited = new Promise<number>((resolve) => {
    shell.once('error', (error) => {
      isGone = true;
      options.onLine(`FATAL:  ${error.message}`);
      resolve(126);
    });
    shell.once('exit', (code) => {
      isGone = true;
      // When only the shell was killed, its watcher is still there, and this makes it end the program.
      pipe.destroy();
      const stderrEnds = stderr && !stderr.readableEnded ? once(stderr, 'close') : undefined;
      void Promise.race([stderrEnds, delay(lastLinesMs)]).then(() => resolve(code ?? 137));
    });
  });

  let ending: Promise<void> | undefined;
  const signalProgram = (signal: NodeJS.Signals) => {
    if (pid !== undefined && !isGone) signalProcess(pid, signal);
  };
  const endOnce = async () => {
    pipe.end();
    for (let waitedMs = 0; waitedMs < interruptMsMax; waitedMs += interruptEachMs) {
      if (!isGone) shell.kill('SIGTERM');
      if (await settlesWithin(exited, interruptEachMs)) return;
    }
    signalProgram('SIGQUIT');
    if (await settlesWithin(exited, quitMsMax)) return;
    signalProgram('SIGKILL');
    // The shell gets the time to reap it.
    if (await settlesWithin(exited, killMsMax)) return;
    if (shell.pid !== undefined && !isGone) signalProcess(-shell.pid, 'SIGKILL');
    await exited;
  };
  return {
    pid: () => pid,
    hasExited: () => isGone,
    exited,
    end: () => {
      ending ??= endOnce();
      return ending;
    },
  };
}

async function settlesWithin(promise: Promise<unknown>, limitMs: number): Promise<boolean> {
  const timer = new AbortController();
  const late = delay(limitMs, false, { signal: timer.signal }).catch(() => false);
  const inTime = await Promise.race([promise.then(() => true), late]);
  timer.abort();
  return inTime;
}

/** A fixed environment: variables such as PGOPTIONS or PGDATA must not change what the server does. */
export function childEnvironment(): Record<string, string> {
  const { PATH = '/usr/bin:/bin' } = process.env;
  return { PATH, LC_ALL: 'C', TZ: 'UTC' };
}
