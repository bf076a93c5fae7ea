// SPDX-License-Identifier: GPL-3.0-or-later
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Account } from './account.ts';
import { childEnvironment } from './child-environment.ts';
import { signalProcess } from './processes.ts';

// This shell ends the program when Node dies, even by SIGKILL. File descriptor 3 is a pipe to Node: the shell writes the
// pid to it, and its end shows the watcher that Node is gone. A watcher in the background reads it, because a shell that
// reads cannot reap its child, and the zombie would block a restart. The watcher interrupts the program more than once,
// since a program that has just started may not handle the signal yet. A trapped signal interrupts `wait`, hence the last
// loop. The last TERM ends the watcher and its sleep, and each is reaped by its parent: in a container no other process
// may do that. The traps come after the watcher: a shell that has just forked loses a signal that its parent traps, and
// the watcher of a program that ends at once would go on for ever. What the shell says of the watcher is no line of the
// program. HUP and USR1 have a meaning for the service and may be sent to all of its processes: they end nothing here.
const script = `
input=$1; shift
"$@" <"$input" 3<&- & child=$!
(
  trap '' HUP USR1
  read _ <&3
  trap 'wait; exit' TERM
  turn=0
  while [ $turn -lt 10 ]; do turn=$((turn + 1)); kill -INT $child || exit; sleep 1 & wait $!; done
  kill -QUIT $child
) 2>/dev/null & watcher=$!
trap 'again=1; kill -INT $child 2>/dev/null' TERM INT
trap 'again=1' HUP USR1
echo $child >&3
exec 3<&-
again=1
while [ "$again" ]; do again=; wait $child; code=$?; done
trap '' TERM
exec 2>/dev/null
kill -TERM 0
wait $watcher
exit $code
`;

const interruptMsMax = 4_000;
const interruptEachMs = 500;
const quitMsMax = 2_000;
const killMsMax = 500;
// The orphans of a killed server keep stderr open, so the wait for its end has a limit.
const lastLinesMs = 250;

/** What to run, and with which account. */
export type WatchedProcessOptions = {
  /** Program and arguments. No shell interprets them. */
  command: string[];
  account: Account;
  /** File to read as standard input; empty by default. */
  input?: string;
  environment?: Record<string, string>;
  /** Called for each line of standard error. */
  onLine(line: string): void;
};

/** A program in its own session, which Ctrl-C does not reach. It ends soon after this process, even if that is killed. */
export type WatchedProcess = {
  /** Process id of the program, not of the shell around it; undefined until it runs. */
  pid(): number | undefined;
  hasExited(): boolean;
  /** Resolves with the exit code when the program has ended; 128 and more for a signal. Never rejects. */
  exited: Promise<number>;
  /** Ends it: SIGINT, after 4 s SIGQUIT, after 2 s more SIGKILL. Resolves when it has ended. */
  end(): Promise<void>;
};

/** Starts a program under the watching shell. */
export function startWatchedProcess(options: WatchedProcessOptions): WatchedProcess {
  const { account } = options;
  const command = [options.input ?? '/dev/null', ...account.prefix, ...options.command];
  const shell = spawn('/bin/sh', ['-c', script, 'firstcome-postgres', ...command], {
    // The account may not have access to the working folder of this process.
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
  // A shell that ends resets the pipe; `exit` reports its end.
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
      // When only the shell was killed, this makes its watcher end the program.
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
      // Before it has written the pid, the shell would end, and leave the program.
      if (!isGone && pid !== undefined) shell.kill('SIGTERM');
      if (await settlesWithin(exited, interruptEachMs)) return;
    }
    signalProgram('SIGQUIT');
    if (await settlesWithin(exited, quitMsMax)) return;
    signalProgram('SIGKILL');
    // Gives the shell time to reap it.
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
