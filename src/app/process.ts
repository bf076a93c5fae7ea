// SPDX-License-Identifier: GPL-3.0-or-later
/** One process of the service: starts what it runs, and stops it in reverse order. */
import type { Logger } from 'pino';
import { systemClock } from '../adapters/system/clock.ts';
import type { Config } from '../config.ts';
import { drain } from '../entrypoints/http/drain.ts';
import { listen } from '../entrypoints/http/listen.ts';
import { composeProcess, type ProcessOptions } from './compose-process.ts';
import { startOrUndo } from './start-or-undo.ts';
import { openTracing } from './tracing.ts';
import { version } from './version.ts';

// Even when the requests in hand took all the time: workers have a second more before they are killed.
const flushMsMin = 250;

/** Starts what one process of the service runs: everything but the database. */
export async function startProcess(
  config: Config,
  log: Logger,
  options: ProcessOptions,
): Promise<{ url: string; stop(): Promise<void> }> {
  return startOrUndo(async (disposers) => {
    const tracing = await openTracing(config, {
      version,
      warn: (event, message) => log.warn(event, message),
    });
    let stopByMs = 0;
    disposers.push(() => tracing.stop(Math.max(flushMsMin, stopByMs - systemClock.nowMs())));
    const composed = await composeProcess(config, log, { ...options, tracing }, disposers);
    const { server, lanes, tickets, duties, jobs } = composed;
    const url = await listen(server, config.http);
    if (options.kind === 'server') {
      duties.start();
      jobs.start();
    }
    if (options.kind === 'consumer' || config.queue.isConsumed) tickets?.startConsuming();
    disposers.push(async () => {
      stopByMs = systemClock.nowMs() + config.shutdown.delayMs + config.shutdown.timeoutMs;
      const drained = drain(server, {
        ...config.shutdown,
        sleep: systemClock.sleep,
        async finishClaims(timeoutMs) {
          const drained = tickets?.drain();
          await lanes.drain(timeoutMs);
          await drained;
        },
      });
      // At once, so that another node runs the duties and the jobs during the drain.
      await Promise.all([duties.stop(), jobs.stop(), drained]);
    });
    return { url };
  });
}
