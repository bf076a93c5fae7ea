// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The package's export: the engine inside of another program, on a pool of that program's. It opens no port, reads no
 * environment, listens to no signal and ends no process.
 */
import type { Pool } from 'pg';
import { InstallationWatch } from '../adapters/postgres/installation-watch.ts';
import { assertCanLend } from '../adapters/postgres/lent-connections.ts';
import { migrateWith } from '../adapters/postgres/migrate.ts';
import { openPools } from '../adapters/postgres/pools.ts';
import type { Claim } from '../core/claims/claim.ts';
import type { ClaimOutcome } from '../core/claims/claim-outcome.ts';
import type { ClaimPage, EngineLog } from '../core/claims/ports.ts';
import type { CouponWithHolders } from '../core/coupons/coupon.ts';
import { AppError, type ErrorCode, type FieldError, StartError } from '../core/errors.ts';
import type { Durability } from '../core/health.ts';
import { createEngine } from './engine.ts';
import {
  checkAddition,
  checkChange,
  checkClaim,
  checkCouponName,
  checkHolder,
  checkNewCoupon,
  checkPage,
  inHostNames,
  type Window,
} from './library-checks.ts';
import { checkHostDatabase, notMigrated, setting, takeSession } from './library-database.ts';
import {
  assertOptionNames,
  assertSchema,
  checkLimits,
  type FirstcomeLimits,
  unknownStopOptions,
} from './library-options.ts';

export type {
  Claim,
  ClaimOutcome,
  ClaimPage,
  CouponWithHolders,
  Durability,
  ErrorCode,
  FieldError,
  FirstcomeLimits,
  Window,
};
export { AppError, StartError };

/** The database of the host. */
export type HostDatabase = {
  /** A `Pool` of the package pg, not of its native bindings, that leads to PostgreSQL 15 or later without a pooler. */
  pool: Pool;
  /**
   * The schema that holds the tables and functions: lower case letters, digits, underscores. By default that of the
   * installation there is in `firstcome`, `public` or the role's search path; where there is none, `firstcome`.
   */
  schema?: string;
};

/** What `createFirstcome` needs. */
export type FirstcomeOptions = HostDatabase &
  FirstcomeLimits & {
    /** Takes also a database that can lose acknowledged claims, as for a test; default false. */
    unsafeDurability?: boolean;
    /** Hears of losses of the database and what was done about them; by default nobody does. */
    logger?: EngineLog;
  };

/**
 * An engine that runs. An expected answer to a claim is returned. Everything else that is not what was asked for is
 * thrown as an `AppError` with a `code`: `outcome_unknown` and `internal` mean that the call may have changed
 * something, all others that it changed nothing.
 */
export type Firstcome = {
  /** What outlives what, for a claim that was acknowledged, as the database was at the start. */
  readonly durability: Durability;
  /** Faults: `invalid_request`, `coupon_exists`, `unavailable`, `outcome_unknown`. */
  createCoupon(
    coupon: {
      name: string;
      /** Units, 1 to 2,147,483,647. */
      amount: number;
    } & Window,
  ): Promise<CouponWithHolders>;
  /**
   * Takes one unit for the user, and resolves after the commit. Under an idempotency key (1 to 255 visible ASCII
   * characters or spaces) the same call again gets the same claim. Faults: `invalid_request`, `overloaded`,
   * `unavailable`, `outcome_unknown`; after the last one ask again.
   */
  claim(command: {
    couponName: string;
    userId: string;
    idempotencyKey?: string | undefined;
  }): Promise<ClaimOutcome>;
  /** As of a moment after the call. Faults: `invalid_request`, `coupon_not_found`, `overloaded`, `unavailable`. */
  readCoupon(name: string): Promise<CouponWithHolders>;
  /** What is left out stays as it is; null takes a limit away. Faults as of `createCoupon`, and `coupon_not_found`. */
  changeCoupon(
    name: string,
    change: Window & { paused?: boolean | undefined },
  ): Promise<CouponWithHolders>;
  /**
   * Adds units; under an idempotency key once, however often it is called. To a sold out coupon it takes half a second.
   * Faults: `invalid_request`, `coupon_not_found`, `unavailable`, `outcome_unknown`, and `idempotency_key_reused` when
   * the key has added another number of units before.
   */
  addStock(addition: {
    name: string;
    units: number;
    idempotencyKey?: string | undefined;
  }): Promise<{ coupon: CouponWithHolders; replayed: boolean }>;
  /** Faults: `invalid_request`, `coupon_not_found`, `claim_not_found`, `unavailable`. */
  findClaim(couponName: string, userId: string): Promise<Claim>;
  /** A page of claims in order of position. Faults: `invalid_request`, `coupon_not_found`, `unavailable`. */
  listClaims(query: {
    couponName: string;
    /** The last position of the page before; 0 or nothing for the first page. */
    afterPosition?: number | undefined;
    /** 1 to 1,000, default 100. */
    limit?: number | undefined;
  }): Promise<ClaimPage>;
  /**
   * Refuses further calls, answers claims that wait, and ends the connections that the pool has lent; to be called before
   * the pool's own `end`. Claims not answered after `timeoutMs` (default 4,000) hear a fault. Twice is the same as once.
   */
  stop(options?: { timeoutMs?: number }): Promise<void>;
};

// A name that is missing here does not compile.
const optionsBesidesLimits = Object.keys({
  ...{ pool: true, schema: true, unsafeDurability: true, logger: true },
} satisfies Record<Exclude<keyof FirstcomeOptions, keyof FirstcomeLimits>, true>);

const connectTimeoutMsDefault = 2_000;
const stopTimeoutMsDefault = 4_000;

/**
 * Brings the schema to the tables and functions of this version, creating it if need be, and returns the names of the
 * migrations applied. Safe from several processes at once. The options of `createFirstcome` may stand beside its own.
 * Rejects with a `StartError`.
 */
export async function migrate(options: HostDatabase): Promise<string[]> {
  const { pool, schema } = options;
  assertOptionNames(options, optionsBesidesLimits);
  assertSchema(schema);
  assertCanLend(pool, 1);
  // Without limits on statements and locks: one migration waits for another.
  const settings = { client_min_messages: 'warning', lock_timeout: '0', statement_timeout: '0' };
  const client = await takeSession(pool, settings, connectTimeoutMsDefault);
  try {
    // A program that names a schema means it: it may keep several installations in one database.
    const { applied } = await migrateWith(client, {
      ...{ schema, setting, mayAddInstallation: schema !== undefined },
    });
    return applied;
  } finally {
    client.release(true);
  }
}

/**
 * Starts an engine on a schema that `migrate` has brought up to date. It borrows up to `claimConnections` and
 * `queryConnections` connections of the pool, keeps them until `stop`, and ends them then: the sessions of the host and
 * of the engine never mix. Rejects with a `StartError` that tells what to change, and leaves nothing behind.
 */
export async function createFirstcome(options: FirstcomeOptions): Promise<Firstcome> {
  const { pool, schema: wanted, unsafeDurability = false, logger, ...limits } = options;
  const log = logger ?? { warn: () => undefined };
  assertSchema(wanted);
  const { database, claims } = checkLimits(limits, optionsBesidesLimits);
  assertCanLend(pool, database.claimConnections + database.queryConnections);
  const { schema, others, identity, durability } = await checkHostDatabase(
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
  const { forBatches, forQueries } = openPools({
    ...database,
    ...{ hostPool: pool, schema, installation },
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
    { forBatches, forQueries, installation, limits: claims, metrics: unmetered, log },
    disposers,
  );
  if (!(await engine.checkHealth()).healthy) {
    await endAll(disposers);
    throw notMigrated(schema);
  }
  if (durability === 'unsafe') {
    log.warn({ unsafeDurability }, 'this database can lose acknowledged claims');
  }
  let stopped: Promise<void> | undefined;
  // Whatever came later would borrow connections of a pool that its host is about to end.
  const running = () => {
    if (stopped === undefined) return engine;
    throw new AppError('unavailable', { detail: 'the engine was stopped' });
  };
  return {
    durability,
    createCoupon: async (coupon) =>
      running().createCoupon(checkNewCoupon(coupon)).catch(inHostNames),
    claim: async (command) => running().claimCoupon(checkClaim(command)).catch(inHostNames),
    readCoupon: async (name) => running().readCoupons.read(checkCouponName(name)),
    changeCoupon: async (name, change) =>
      running().changeCoupon(checkCouponName(name), checkChange(change)).catch(inHostNames),
    addStock: async (addition) => running().addStock(checkAddition(addition)).catch(inHostNames),
    async findClaim(couponName, userId) {
      checkHolder(couponName, userId);
      return running().readClaims.find(couponName, userId);
    },
    listClaims: async (query) => running().readClaims.list(checkPage(query)),
    stop(options = {}) {
      const { timeoutMs = stopTimeoutMsDefault } = options;
      for (const message of unknownStopOptions(options)) log.warn({}, message);
      stopped ??= engine.lanes.stop(timeoutMs).then(() => endAll(disposers));
      return stopped;
    },
  };
}

const unmetered = {
  statementRefused: () => undefined,
  shed: () => undefined,
  answered: () => undefined,
  batchDecided: () => undefined,
  batchUnknown: () => undefined,
  batchResolved: () => undefined,
};

async function endAll(disposers: (() => Promise<void>)[]): Promise<void> {
  for (const stop of disposers.reverse()) await stop();
}
