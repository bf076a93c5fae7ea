// SPDX-License-Identifier: GPL-3.0-or-later
/** Watches the database of an engine, also while no request comes. */
import type { Database } from '../adapters/postgres/database.ts';
import type { InstallationWatch } from '../adapters/postgres/installation/installation-watch.ts';
import { commitProbe } from '../adapters/postgres/monitoring/commit-probe.ts';
import { postgresHealth } from '../adapters/postgres/monitoring/health.ts';
import { OutageLog } from '../adapters/postgres/monitoring/outage-log.ts';
import { RefusedStatementLog } from '../adapters/postgres/monitoring/refused-statement-log.ts';
import { watchDatabases } from '../adapters/postgres/monitoring/watch-databases.ts';
import { systemClock } from '../adapters/system/clock.ts';
import type { EngineLog } from '../core/claims/ports.ts';
import { CommitWatch } from '../core/commit-watch.ts';
import type { DurabilityMin, Health } from '../core/health.ts';
import { HealthRecord, type HealthSeen } from '../core/health-record.ts';
import type { HistoryGuard } from '../core/history/history-guard.ts';
import type { RefusalMetrics } from '../core/refusal-rules.ts';
import { watchHistory, withHistory } from './history.ts';

/** What is watched, and where it is reported. */
export type WatchedDatabase = {
  forBatches: Database;
  forQueries: Database;
  /** The one that both pools were opened with. */
  installation: InstallationWatch;
  /** The same. */
  history: HistoryGuard;
  /** What both pools were opened with. */
  durabilityMin: DurabilityMin;
  metrics: RefusalMetrics;
  log: EngineLog;
};

/** What the engine knows of its database. */
export type DatabaseHealth = {
  /** How the service is now. Never rejects. */
  checkHealth(): Promise<Health>;
  /** How it was when this was checked last, about a second ago. */
  healthSeen(): HealthSeen;
  /** Watches the commits of the engine. */
  commits: Pick<CommitWatch, 'sent' | 'committed'>;
};

// How long a process may go on deciding after its tables were replaced under connections that stay open.
const healthCheckMs = 1_000;

/** Starts to watch the databases of both pools, and adds to `disposers` what ends that. */
export function watchHealth(
  { forBatches, forQueries, installation, history, durabilityMin, metrics, log }: WatchedDatabase,
  disposers: (() => Promise<void>)[],
  listeners: Pick<Parameters<typeof watchDatabases>[1], 'onLostConnection' | 'onOtherServer'>,
): DatabaseHealth {
  const warn: EngineLog['warn'] = (event, message) => log.warn(event, message);
  const { nowMs } = systemClock;
  // On a connection that decides: its server takes writes, and a hanging commit holds no connection of readers.
  const commits = new CommitWatch({ probe: commitProbe(forBatches), clock: systemClock });
  disposers.push(async () => commits.stop());
  watchDatabases([forBatches, forQueries], {
    outage: new OutageLog({ warn, nowMs }),
    refusals: new RefusedStatementLog({ warn, metrics, nowMs }),
    ...{ installation, history, onWriteFailed: () => commits.writeFailed(), ...listeners },
  });
  const checkHealth = withHistory(
    postgresHealth({
      ...{ database: forQueries, installation, commits, durabilityMin, clock: systemClock },
    }),
    history,
  );
  const record = new HealthRecord({ clock: systemClock, warn });
  let [started, observed] = [0, 0];
  // One that takes longer does not delay the next, and is not recorded after it.
  const observe = async () => {
    const number = ++started;
    const health = await checkHealth();
    if (number < observed) return;
    observed = number;
    record.observe(health);
  };
  void observe();
  const stopChecks = systemClock.every(healthCheckMs, () => void observe());
  const stopWatching = watchHistory(history, forQueries);
  disposers.push(async () => {
    stopChecks();
    stopWatching();
  });
  return { checkHealth, healthSeen: () => record.seen(), commits };
}
