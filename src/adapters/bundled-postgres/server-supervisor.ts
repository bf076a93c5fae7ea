// SPDX-License-Identifier: GPL-3.0-or-later
import { setTimeout as delay } from 'node:timers/promises';
import type { LogEvent } from './bundled-postgres-error.ts';
import type { Server } from './start-server.ts';

const restartDelaysMs = [100, 200, 500, 1_000, 2_000, 5_000];
// After a run of this length the next restart has the shortest delay again.
const stableMs = 60_000;

/** A server that restarts whenever it ends unexpectedly. */
export type SupervisedServer = {
  /** Whether the server accepts connections, as far as this process knows. */
  alive(): boolean;
  /** Stops it without a restart; resolves when no process is left. May be called again. */
  stop(): Promise<void>;
};

/** Restarts a running server when it crashes. `restart` must use the same address; it is retried until it succeeds. */
export function superviseServer(options: {
  server: Server;
  restart(signal: AbortSignal): Promise<Server>;
  log(event: LogEvent): void;
}): SupervisedServer {
  const { restart, log } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  let current: Server | undefined = options.server;
  let failures = 0;

  async function restartOnce(): Promise<void> {
    const delayMs = restartDelaysMs[Math.min(failures, restartDelaysMs.length - 1)] ?? 0;
    failures += 1;
    await delay(delayMs, undefined, { signal });
    current = await restart(signal);
    log({ level: 'info', message: 'PostgreSQL restarted', port: current.port, attempt: failures });
  }

  async function watch(): Promise<void> {
    while (!signal.aborted) {
      if (current === undefined) {
        await restartOnce().catch((error: unknown) => {
          if (signal.aborted) return;
          const reason = error instanceof Error ? error.message : String(error);
          log({ level: 'error', message: 'PostgreSQL could not be restarted', reason });
        });
        continue;
      }
      const startedAt = Date.now();
      const code = await Promise.race([current.exited, whenAborted(signal)]);
      if (code === undefined) break;
      if (Date.now() - startedAt > stableMs) failures = 0;
      current = undefined;
      log({ level: 'error', message: 'PostgreSQL ended unexpectedly; restarting it', code });
    }
    current?.setPhase('stopping');
    await current?.end();
  }

  const watching = watch();
  return {
    alive: () => current !== undefined && !current.hasExited() && !signal.aborted,
    stop: () => {
      stopping.abort();
      return watching;
    },
  };
}

function whenAborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
