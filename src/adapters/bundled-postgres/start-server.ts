// SPDX-License-Identifier: GPL-3.0-or-later
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { totalmem } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Account } from './account.ts';
import type { Binaries } from './binaries.ts';
import { BundledPostgresError, type LogEvent } from './bundled-postgres-error.ts';
import type { Cluster } from './data-folder.ts';
import { endOrphanedProcesses } from './orphaned-processes.ts';
import { explainServerLines, ServerLog, type ServerPhase } from './server-log.ts';
import { serverArguments } from './settings.ts';
import { startWatchedProcess, type WatchedProcess } from './watched-process.ts';

const portAttemptsMax = 20;
const lockedMsMax = 30_000;
const lockedPollMs = 200;
// Below the range of ports for outgoing connections, so that the port stays free for a restart.
const [portMin, portMax] = [20_000, 32_000];

/** What starts and restarts of a server need. */
export type ServerPlan = {
  dataDir: string;
  cluster: Cluster;
  binaries: Binaries;
  account: Account;
  major: number;
  settings: Record<string, string>;
  startTimeoutMs: number;
  /** Returns a port that seems free. */
  choosePort(): Promise<number>;
  say(line: string): void;
  log(event: LogEvent): void;
};

/** A server that accepts connections. */
export type Server = WatchedProcess & { port: number; setPhase(phase: ServerPhase): void };

/**
 * Starts the server and resolves when it accepts connections. First ends the processes that an earlier run has left.
 * Without `port` it takes a free one, and another one if that gets taken meanwhile. Leaves no process when it fails.
 */
export async function startServer(
  plan: ServerPlan,
  options: { port?: number; signal: AbortSignal },
): Promise<Server> {
  const { data, name } = plan.cluster;
  const { signal } = options;
  const onWait = once(() =>
    plan.say('The database of an earlier run is still stopping; waiting for at most 30 s.'),
  );
  let lockedSince: number | undefined;
  for (let portAttempt = 1; ; ) {
    const recycledPid = await endOrphanedProcesses({ data, clusterName: name, signal, onWait });
    const port = options.port ?? (await plan.choosePort());
    const started = await tryStart(plan, { port, recycledPid, signal });
    if ('server' in started) return started.server;

    const reason = started.lines.join('\n');
    const isPortTaken = /Address already in use/.test(reason);
    const isLocked = /pre-existing shared memory block|lock file "postmaster.pid" already/.test(
      reason,
    );
    lockedSince ??= isLocked ? Date.now() : undefined;
    if (isLocked && Date.now() - (lockedSince ?? 0) < lockedMsMax) {
      onWait();
      await delay(lockedPollMs, undefined, { signal });
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
  const program = startWatchedProcess({
    account,
    command: [
      ...[plan.binaries.postgres, '-D', cluster.data],
      ...serverArguments({
        ...{ port, clusterName: cluster.name, major, extra: plan.settings },
        memoryBytes: Math.min(totalmem(), process.constrainedMemory() || Infinity),
      }),
    ],
    // The lock file of a killed server contains a pid. If another program has that pid now, this variable makes the
    // server ignore the file.
    environment: recycledPid === undefined ? {} : { PG_GRANDPARENT_PID: String(recycledPid) },
    onLine(line) {
      serverLog.add(line);
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
  const lastLines = serverLog.lastLines.slice(-2).join(' | ');
  return new BundledPostgresError(
    `PostgreSQL did not accept connections within ${plan.startTimeoutMs / 1000} s. Try again: a recovery continues where it stopped. PostgreSQL said: ${lastLines}`,
  );
}

/** A random port that is free now; another program may take it before the server does. */
export async function chooseFreePort(): Promise<number> {
  for (let attempt = 1; attempt <= portAttemptsMax; attempt += 1) {
    const port = randomInt(portMin, portMax);
    if (await isFree(port)) return port;
  }
  throw new BundledPostgresError(
    `There is no free port between ${portMin} and ${portMax} on 127.0.0.1. Stop a program that listens there.`,
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
