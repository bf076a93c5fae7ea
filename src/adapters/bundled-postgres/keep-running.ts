// SPDX-License-Identifier: GPL-3.0-or-later
import { setTimeout as delay } from 'node:timers/promises';
import type { LogEvent } from './bundled-postgres-error.ts';
import type { Server } from './start-server.ts';

const backoffMs = [100, 200, 500, 1_000, 2_000, 5_000];
// A server that ran this long is well again: its next end starts with a short wait.
const wellMs = 60_000;

/** A server that is started again whenever it ends by itself. */
export type KeptServer = {
  /** Whether it accepts connections, as far as is known. */
  alive(): boolean;
  /** Ends it for good; settles when nothing of it is left. May be called again. */
  stop(): Promise<void>;
};

/** Watches over a running server. `restart` must bring it back under the same address; it is tried without end. */
export function keepRunning(options: {
  server: Server;
  restart(signal: AbortSignal): Promise<Server>;
  log(event: LogEvent): void;
}): KeptServer {
  const { restart, log } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  let current: Server | undefined = options.server;
  let failures = 0;

  async function startAgain(): Promise<void> {
    const waitMs = backoffMs[Math.min(failures, backoffMs.length - 1)] ?? 0;
    failures += 1;
    await delay(waitMs, undefined, { signal });
    current = await restart(signal);
    log({ level: 'info', message: 'PostgreSQL runs again', port: current.port, attempt: failures });
  }

  async function watch(): Promise<void> {
    while (!signal.aborted) {
      if (current === undefined) {
        await startAgain().catch((error: unknown) => {
          if (signal.aborted) return;
          const reason = error instanceof Error ? error.message : String(error);
          log({ level: 'error', message: 'PostgreSQL could not be started again', reason });
        });
        continue;
      }
      const startedAt = Date.now();
      const code = await Promise.race([current.exited, whenAborted(signal)]);
      if (code === undefined) break;
      if (Date.now() - startedAt > wellMs) failures = 0;
      current = undefined;
      log({ level: 'error', message: 'PostgreSQL ended by itself; starting it again', code });
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
