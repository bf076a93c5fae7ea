// SPDX-License-Identifier: GPL-3.0-or-later
/** Watches the database of an engine, also while no request comes. */
import { commitProbe } from '../adapters/postgres/monitoring/commit-probe.ts';
import { postgresHealth } from '../adapters/postgres/monitoring/health.ts';
import { OutageLog } from '../adapters/postgres/monitoring/outage-log.ts';
import { RefusedStatementLog } from '../adapters/postgres/monitoring/refused-statement-log.ts';
import { watchDatabases } from '../adapters/postgres/monitoring/watch-databases.ts';
import { systemClock } from '../adapters/system/clock.ts';
import type { EngineLog } from '../core/claims/ports.ts';
import { CommitWatch } from '../core/commit-watch.ts';
import type { Health } from '../core/health.ts';
import { HealthRecord, type HealthSeen } from '../core/health-record.ts';
import type { EngineOptions } from './engine.ts';
import { watchHistory, withHistory } from './history.ts';

/** What the engine knows of its database. */
export type DatabaseHealth = {
  /** How the service is now. Never rejects. */
  checkHealth(): Promise<Health>;
  /** How it was when this was checked last, about a second ago. */
  healthSeen(): HealthSeen;
  /** A decision has committed. */
  committed(): void;
};

// How long a process may go on deciding after its tables were replaced under connections that stay open.
const healthCheckMs = 1_000;

/** Starts to watch the databases of both pools, and adds to `disposers` what ends that. */
export function watchHealth(
  { forBatches, forQueries, installation, history, metrics, log }: EngineOptions,
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
    postgresHealth({ database: forQueries, installation, commits, clock: systemClock }),
    history,
  );
  const record = new HealthRecord({ clock: systemClock, warn });
  let isChecking = false;
  const stopChecks = systemClock.every(healthCheckMs, () => {
    if (isChecking) return;
    isChecking = true;
    void checkHealth().then((health) => {
      isChecking = false;
      record.observe(health);
    });
  });
  const stopWatching = watchHistory(history, forQueries);
  disposers.push(async () => {
    stopChecks();
    stopWatching();
  });
  return { checkHealth, healthSeen: () => record.seen(), committed: () => commits.committed() };
}
