// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The package's export, and its composition root: the engine inside another program, on a pool of that program. It
 * opens no port, reads no environment, listens to no signal and ends no process.
 */
import { assertCanLend } from './adapters/postgres/connections/host-pool.ts';
import { openPools } from './adapters/postgres/connections/open-pools.ts';
import { InstallationWatch } from './adapters/postgres/installation/installation-watch.ts';
import { migrateWith } from './adapters/postgres/installation/migrate.ts';
import { createDuties } from './app/duties.ts';
import { createEngine } from './app/engine.ts';
import { createHistoryGuard } from './app/history.ts';
import {
  checkHostDatabase,
  notMigrated,
  schemaSetting,
  takeSession,
} from './app/library-database.ts';
import { assertDurabilityMin, assertSchema, checkLimits } from './app/library-limits.ts';
import type { Health } from './core/health.ts';
import { unfinishedUpgrade } from './core/unfinished-upgrade.ts';
import { type Firstcome, firstcomeOn } from './entrypoints/library/firstcome.ts';
import {
  assertOptionNames,
  type FirstcomeOptions,
  type HostDatabase,
} from './entrypoints/library/options.ts';

export type {
  ChangeClaimOutcome,
  Claim,
  ClaimOutcome,
  ClaimState,
} from './core/claims/claim.ts';
export type { ClaimPage } from './core/claims/ports.ts';
export type { CouponWithHolders } from './core/coupons/coupon.ts';
export { AppError, type ErrorCode, type FieldError, StartError } from './core/errors.ts';
export type { Durability } from './core/health.ts';
export type { LostBatch, LostHistory } from './core/history/ports.ts';
export type { Window } from './entrypoints/library/checks.ts';
export type { Firstcome } from './entrypoints/library/firstcome.ts';
export type {
  FirstcomeLimits,
  FirstcomeOptions,
  HostDatabase,
} from './entrypoints/library/options.ts';

const connectTimeoutMsDefault = 2_000;

/**
 * Brings the schema to the tables and functions of this version, creates it if need be, and returns the names of the
 * migrations applied. Several processes may call it at the same time. It accepts the options of `createFirstcome` too.
 * Rejects with a `StartError`.
 */
export async function migrate(options: HostDatabase): Promise<string[]> {
  const { pool, schema } = options;
  assertOptionNames(options);
  assertSchema(schema);
  assertCanLend(pool, 1);
  // No limits on statements and locks: one migration waits for another.
  const settings = { client_min_messages: 'warning', lock_timeout: '0', statement_timeout: '0' };
  const client = await takeSession(pool, settings, connectTimeoutMsDefault);
  try {
    // A host that names a schema wants exactly that one: its database may hold several installations.
    const { applied } = await migrateWith(client, {
      ...{ schema, setting: schemaSetting, mayAddInstallation: schema !== undefined },
    });
    return applied;
  } finally {
    client.release(true);
  }
}

/**
 * Starts an engine on a schema that `migrate` has brought up to date. It borrows up to `claimConnections` +
 * `queryConnections` connections of the pool, keeps them until `stop`, and then ends them: host and engine never share
 * a session. Rejects with a `StartError` that says what to change, and leaves nothing running.
 */
export async function createFirstcome(options: FirstcomeOptions): Promise<Firstcome> {
  const { pool, schema: wanted, logger, ...settings } = options;
  const { unsafeDurability = false, durabilityMin = 'none', ...limits } = settings;
  const log = logger ?? { warn: () => undefined };
  assertSchema(wanted);
  assertDurabilityMin(durabilityMin);
  const { database, claims } = checkLimits(limits);
  assertCanLend(pool, database.claimConnections + database.queryConnections);
  const { schema, others, identity, durability, warning } = await checkHostDatabase(
    options,
    database.connectTimeoutMs,
  );
  if (wanted === undefined && others.length > 0) {
    log.warn({ schema, others }, 'the database has other installations, which are not used');
  }

  const installation = new InstallationWatch({
    identity,
    warn: (event, message) => log.warn(event, message),
  });
  const ownLog = { warn: log.warn.bind(log), error: log.warn.bind(log), info: () => undefined };
  const history = createHistoryGuard({ claimTimeoutMs: claims.timeoutMs, log: ownLog });
  const { forBatches, forQueries } = openPools({
    ...database,
    ...{ hostPool: pool, schema, installation, history, durabilityMin },
    claimTimeoutMs: claims.timeoutMs,
    onIdleConnectionLost: ({ message }) =>
      log.warn({ reason: message }, 'an idle connection to the database was lost'),
  });
  const disposers: (() => Promise<void>)[] = [
    async () => {
      await Promise.all([forBatches.close(), forQueries.close()]);
    },
  ];
  const engine = createEngine(
    {
      ...{ forBatches, forQueries, installation, history, durabilityMin },
      ...{ limits: claims, metrics: noMetrics, log },
      sagaNames: new Set(),
    },
    disposers,
  );
  const health = await engine.checkHealth();
  // The engine starts, and refuses calls until the reason is gone, or until an operator has accepted a loss.
  if (!health.healthy && !isPassing(health)) {
    await disposeAll(disposers);
    throw notMigrated(schema);
  }
  if (health.upgradeUnfinished) log.warn({ schema }, unfinishedUpgrade);
  // A host has no metrics, so it does not check the stock. Expired holds are released by every kind of process.
  const { runner: duties } = createDuties({
    ...{ database: forQueries, runsDuties: true, stockCheckIntervalMs: 0 },
    log: ownLog,
  });
  duties.start();
  if (warning !== undefined) log.warn({ durability }, warning);
  if (durability === 'unsafe') {
    log.warn({ unsafeDurability }, 'this database can lose acknowledged claims');
  }
  return firstcomeOn({
    ...{ ...engine, durability, log },
    async stop(timeoutMs) {
      await Promise.all([duties.stop(), engine.lanes.drain(timeoutMs)]);
      await disposeAll(disposers);
    },
  });
}

/** Whether the health may become good without a migration. */
function isPassing({ reason }: Health): boolean {
  return reason !== undefined && reason !== 'installation_changed';
}

const noMetrics = {
  statementRefused: () => undefined,
  shed: () => undefined,
  answered: () => undefined,
  refusedEarly: () => undefined,
  changeAnswered: () => undefined,
  batchDecided: () => undefined,
  batchUnknown: () => undefined,
  batchResolved: () => undefined,
};

async function disposeAll(disposers: (() => Promise<void>)[]): Promise<void> {
  for (const dispose of disposers.reverse()) await dispose();
}
