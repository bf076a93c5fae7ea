// SPDX-License-Identifier: GPL-3.0-or-later
/** Composes the duties of one process, for the service and for a program that embeds the engine. */
import type { Database } from '../adapters/postgres/database.ts';
import { postgresDutyLeases } from '../adapters/postgres/duties/duty-leases.ts';
import { postgresExpirySweep } from '../adapters/postgres/duties/expiry-sweep-store.ts';
import { postgresOutcomeRetention } from '../adapters/postgres/outcomes/outcome-store.ts';
import { postgresStockCheckReader } from '../adapters/postgres/stock-check-reader.ts';
import { postgresTicketRetention } from '../adapters/postgres/tickets/ticket-retention-store.ts';
import type { MetricSources } from '../adapters/prometheus/metric-sources.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { newId } from '../adapters/system/ids.ts';
import { nodeId } from '../adapters/system/node-id.ts';
import { type DutyMutex, withDutyMutex } from '../core/duties/duty-mutex.ts';
import { DutyRunner } from '../core/duties/duty-runner.ts';
import { ExpirySweep } from '../core/duties/expiry-sweep.ts';
import type { DutyLeases, DutyLog } from '../core/duties/ports.ts';
import { TicketRetention } from '../core/duties/ticket-retention.ts';
import { withLoop } from '../core/duties/with-loop.ts';
import type { EventRelay } from '../core/events/event-relay.ts';
import { StockCheck, type StockCheckLog } from '../core/stock/stock-check.ts';
import type { ProcessJobs } from './jobs.ts';
import { stack } from './stack.ts';

/** The duties of one process, not started yet. */
export type ProcessDuties = {
  runner: DutyRunner;
  metrics: MetricSources['duties'];
};

/** Creates the duties that this process can run: none if it leaves them to another process of the service. */
export function createDuties(options: {
  database: Database;
  log: DutyLog & StockCheckLog;
  runsDuties: boolean;
  /** Undefined: the process delivers no events. */
  events?: { relay: EventRelay; jobs: Pick<ProcessJobs, 'ensured' | 'canEnsure'> } | undefined;
  /** Called when expired holds of a coupon were released. */
  onReleased?: ((couponName: string) => void) | undefined;
  /** 0: the process never checks the stock. */
  stockCheckIntervalMs: number;
  /** How long the final states of tickets are kept; undefined: the process leaves them to others. */
  ticketRetentionSeconds?: number | undefined;
  /** Undefined: nothing is in front of the leases. */
  mutex?: DutyMutex | undefined;
}): ProcessDuties {
  const { database, log, runsDuties, events, stockCheckIntervalMs: intervalMs } = options;
  const clock = systemClock;
  const stockCheck =
    runsDuties && intervalMs > 0
      ? new StockCheck({ reader: postgresStockCheckReader(database), clock, log, intervalMs })
      : undefined;
  const expirySweep = runsDuties
    ? new ExpirySweep({
        store: postgresExpirySweep(database, newId),
        ...{ clock, warn: (event, message) => log.warn(event, message) },
        onReleased: (couponName) => options.onReleased?.(couponName),
      })
    : undefined;
  const relay =
    runsDuties && events
      ? { ...withLoop(events.relay, events.jobs.ensured), canRun: events.jobs.canEnsure }
      : undefined;
  const retention =
    runsDuties && options.ticketRetentionSeconds !== undefined
      ? new TicketRetention({
          store: postgresTicketRetention(database, options.ticketRetentionSeconds),
          outcomes: postgresOutcomeRetention(database),
          ...{ clock, warn: (event, message) => log.warn(event, message) },
        })
      : undefined;
  const { mutex } = options;
  const leases = stack<DutyLeases>(postgresDutyLeases(database, nodeId()), [
    mutex && ((next) => withDutyMutex(next, mutex)),
  ]);
  const runner = new DutyRunner({
    leases,
    duties: [stockCheck, expirySweep, relay, retention].filter((duty) => duty !== undefined),
    ...{ clock, log },
  });
  return {
    runner,
    metrics: () => ({
      running: runner.running(),
      stockCheck: stockCheck?.state(),
      expirySweep: expirySweep?.state(),
      eventRelay: events?.relay.state(),
    }),
  };
}
