// SPDX-License-Identifier: GPL-3.0-or-later
/** Composes the duties of one process, for the service and for a program that embeds the engine. */
import type { Database } from '../adapters/postgres/database.ts';
import { postgresDutyLeases } from '../adapters/postgres/duties/duty-leases.ts';
import { postgresExpirySweep } from '../adapters/postgres/duties/expiry-sweep-store.ts';
import { postgresStockCheckReader } from '../adapters/postgres/stock-check-reader.ts';
import type { MetricSources } from '../adapters/prometheus/metric-sources.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { newId } from '../adapters/system/ids.ts';
import { nodeId } from '../adapters/system/node-id.ts';
import { DutyRunner } from '../core/duties/duty-runner.ts';
import { ExpirySweep } from '../core/duties/expiry-sweep.ts';
import type { Duty, DutyLog } from '../core/duties/ports.ts';
import { StockCheck, type StockCheckLog } from '../core/stock/stock-check.ts';

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
  relay?: Duty | undefined;
  /** 0: the process never checks the stock. */
  stockCheckIntervalMs: number;
}): ProcessDuties {
  const { database, log, runsDuties, relay, stockCheckIntervalMs: intervalMs } = options;
  const clock = systemClock;
  const stockCheck =
    runsDuties && intervalMs > 0
      ? new StockCheck({ reader: postgresStockCheckReader(database), clock, log, intervalMs })
      : undefined;
  const expirySweep = runsDuties
    ? new ExpirySweep({
        store: postgresExpirySweep(database, newId),
        ...{ clock, warn: (event, message) => log.warn(event, message) },
      })
    : undefined;
  const runner = new DutyRunner({
    leases: postgresDutyLeases(database, nodeId()),
    duties: [stockCheck, expirySweep, runsDuties ? relay : undefined].filter(
      (duty) => duty !== undefined,
    ),
    ...{ clock, log },
  });
  return {
    runner,
    metrics: () => ({
      running: runner.running(),
      stockCheck: stockCheck?.state(),
      expirySweep: expirySweep?.state(),
    }),
  };
}
