// SPDX-License-Identifier: GPL-3.0-or-later
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { totalmem } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Account } from './account.ts';
import type { Binaries } from './binaries.ts';
import { BundledPostgresError, type LogEvent } from './bundled-postgres-error.ts';
import type { Cluster } from './data-folder.ts';
import { endLeftovers } from './leftovers.ts';
import { explainServerLines, ServerLog, type ServerPhase } from './server-log.ts';
import { serverArguments } from './settings.ts';
import { type Supervised, supervise } from './supervise.ts';

const portAttemptsMax = 20;
const heldMsMax = 30_000;
const heldPollMs = 200;
// Below the range from which systems take ports for outgoing connections, so that ours is still free for a restart.
const [portMin, portMax] = [20_000, 32_000];

/** All that is needed to start the server of a cluster, at first and again. */
export type ServerPlan = {
  dataDir: string;
  cluster: Cluster;
  binaries: Binaries;
  account: Account;
  major: number;
  settings: Record<string, string>;
  startTimeoutMs: number;
  /** Chooses a port that seems free. */
  choosePort(): Promise<number>;
  say(line: string): void;
  log(event: LogEvent): void;
};

/** A server that accepts connections. */
export type Server = Supervised & { port: number; setPhase(phase: ServerPhase): void };

/**
 * Starts the server and settles when it accepts connections. Waits out what an earlier run has left. With no `port` it
 * takes a free one, and another one if that is taken meanwhile. Leaves no process when it fails.
 */
export async function startServer(
  plan: ServerPlan,
  options: { port?: number; signal: AbortSignal },
): Promise<Server> {
  const { data, name } = plan.cluster;
  const { signal } = options;
  const onWait = once(() =>
    plan.say('The database of an earlier run is still ending; waiting for it, 30 s at most.'),
  );
  let heldSince: number | undefined;
  for (let portAttempt = 1; ; ) {
    const recycledPid = await endLeftovers({ data, clusterName: name, signal, onWait });
    const port = options.port ?? (await plan.choosePort());
    const started = await tryStart(plan, { port, recycledPid, signal });
    if ('server' in started) return started.server;

    const reason = started.lines.join('\n');
    const isPortTaken = /Address already in use/.test(reason);
    const isHeld = /pre-existing shared memory block|lock file "postmaster.pid" already/.test(
      reason,
    );
    heldSince ??= isHeld ? Date.now() : undefined;
    if (isHeld && Date.now() - (heldSince ?? 0) < heldMsMax) {
      onWait();
      await delay(heldPollMs, undefined, { signal });
    } else if (isPortTaken && options.port === undefined && portAttempt < portAttemptsMax) {
      portAttempt += 1;
    } else {
      throw new BundledPostgresError(explainServerLines(started.lines, plan.dataDir));
    }
  }
}

type Attempt = { port: number; recycledPid: number | undefined; signal: AbortSignal };

async function tryStart(
  plan: ServerPlan,
  { port, recycledPid, signal }: Attempt,
): Promise<{ server: Server } | { lines: string[] }> {
  const { cluster, account, major } = plan;
  signal.throwIfAborted();
  const serverLog = new ServerLog(plan.log);
  let onReady = () => {};
  const ready = new Promise<'ready'>((resolve) => {
    onReady = () => resolve('ready');
  });
  const program = supervise({
    account,
    command: [
      ...[plan.binaries.postgres, '-D', cluster.data],
      ...serverArguments({
        ...{ port, clusterName: cluster.name, major, extra: plan.settings },
        memoryBytes: Math.min(totalmem(), process.constrainedMemory() || Infinity),
      }),
    ],
    // The lock file of a server that was killed holds a pid. When that now belongs to a process which is known not to
    // be a server on this folder, this is how the server is told not to mind it.
    environment: recycledPid === undefined ? {} : { PG_GRANDPARENT_PID: String(recycledPid) },
    onLine(line) {
      serverLog.take(line);
      if (line.includes('database system is ready to accept connections')) onReady();
    },
  });
  const timer = new AbortController();
  const giveUp = AbortSignal.any([signal, timer.signal]);
  const timeout = delay(plan.startTimeoutMs, 'late' as const, { signal: giveUp }).catch(
    () => 'stopped' as const,
  );
  const first = await Promise.race([ready, program.exited.then(() => 'exited' as const), timeout]);
  timer.abort();
  if (first === 'ready') {
    const setPhase = (phase: ServerPhase) => {
      serverLog.phase = phase;
    };
    setPhase('running');
    return { server: { ...program, port, setPhase } };
  }
  await program.end();
  signal.throwIfAborted();
  if (first === 'late') throw tooSlowError(plan, serverLog);
  return { lines: serverLog.lastLines };
}

function tooSlowError(plan: ServerPlan, serverLog: ServerLog): BundledPostgresError {
  const said = serverLog.lastLines.slice(-2).join(' | ');
  return new BundledPostgresError(
    `PostgreSQL did not accept connections within ${plan.startTimeoutMs / 1000} s. Try again: a recovery goes on where it was. PostgreSQL said: ${said}`,
  );
}

/** A random port that is free now; it may be taken before the server has it. */
export async function chooseFreePort(): Promise<number> {
  for (let attempt = 1; attempt <= portAttemptsMax; attempt += 1) {
    const port = randomInt(portMin, portMax);
    if (await isFree(port)) return port;
  }
  throw new BundledPostgresError(
    `No free port was found between ${portMin} and ${portMax} on 127.0.0.1. Stop a program that listens there.`,
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

function once(call: () => void): () => void {
  let isCalled = false;
  return () => {
    if (!isCalled) call();
    isCalled = true;
  };
}
