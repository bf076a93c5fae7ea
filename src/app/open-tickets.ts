// SPDX-License-Identifier: GPL-3.0-or-later
/** Opens what tickets need: the queue, and what PostgreSQL keeps of them. Nothing of it is there without `AMQP_URL`. */
import type { Database } from '../adapters/postgres/database.ts';
import { PostgresDatabaseClock } from '../adapters/postgres/tickets/database-clock.ts';
import { postgresDeadLetterLog } from '../adapters/postgres/tickets/dead-letter-log.ts';
import { loadTicketSecret } from '../adapters/postgres/tickets/ticket-secret.ts';
import { postgresTicketStore } from '../adapters/postgres/tickets/ticket-store.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { ticketIdsUnder } from '../adapters/system/ticket-ids.ts';
import type { Config } from '../config.ts';
import { deadLettersWith } from '../core/tickets/dead-letters.ts';
import type { ClaimQueue, TicketMetrics } from '../core/tickets/ports.ts';
import { openClaimQueue } from './claim-queue.ts';
import type { PlainLog } from './logger.ts';
import type { Disposers } from './start-or-undo.ts';
import { ticketTimesOf } from './ticket-times.ts';
import type { TicketParts } from './tickets.ts';
import type { ProcessTracing } from './tracing.ts';

// How far the clocks may drift apart between two measurements is far below a millisecond.
const measureClockMs = 10_000;
// A node should not take requests while it still connects. Where the broker is away, the service starts without it.
const firstConnectionMsMax = 2_000;
const connectionCheckMs = 10;

/** Opens them; undefined without `AMQP_URL`. Rejects where the package of the queue is not installed. */
export async function openTickets(
  options: {
    config: Config;
    installationId: string;
    database: Database;
    /** Registers the metrics of tickets. Called only where there is a queue. */
    countTickets(): TicketMetrics;
    tracing: ProcessTracing;
    log: PlainLog;
  },
  disposers: Disposers,
): Promise<TicketParts | undefined> {
  const { config, countTickets, database, installationId, log, tracing } = options;
  const opened = await openClaimQueue({ config, installationId, log });
  if (opened === undefined) return undefined;
  disposers.push(opened.close);
  const takesClaims = config.queue.claimMode === 'queued';
  if (takesClaims) await untilConnected(opened.queue);
  const databaseClock = new PostgresDatabaseClock(database, systemClock);
  const measure = () => databaseClock.measure().catch(() => undefined);
  await measure();
  const stopMeasuring = systemClock.every(measureClockMs, () => void measure());
  disposers.push(async () => stopMeasuring());
  const store = postgresTicketStore(database, ticketTimesOf(config));
  return {
    ...{ queue: opened.queue, results: opened.results, queueMetrics: opened.metrics },
    ids: ticketIdsUnder(await loadTicketSecret(database)),
    store,
    deadLetters: deadLettersWith({
      ...{ letters: opened.deadLetters, queue: opened.queue, store, clock: systemClock },
      log: postgresDeadLetterLog(database),
    }),
    ...{ databaseClock, metrics: countTickets(), tracing: tracing.tickets },
    takesClaims,
    settings: config.queue,
  };
}

async function untilConnected(queue: Pick<ClaimQueue, 'refusal'>): Promise<void> {
  const untilMs = systemClock.nowMs() + firstConnectionMsMax;
  while (queue.refusal() === 'away' && systemClock.nowMs() < untilMs) {
    await systemClock.sleep(connectionCheckMs);
  }
}
