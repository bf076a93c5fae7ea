// SPDX-License-Identifier: GPL-3.0-or-later
/** The options of the package's functions, and the check of their names. */
import type { Pool } from 'pg';
import type { EngineLog } from '../../core/claims/ports.ts';
import { StartError } from '../../core/errors.ts';
import { nearestName } from '../../core/nearest-name.ts';
import { definedMembers } from './defined-members.ts';

/** The database of the host. */
export type HostDatabase = {
  /**
   * A `Pool` of the package pg, not of its native bindings. It connects to PostgreSQL 15 or later directly, without a
   * connection pooler.
   */
  pool: Pool;
  /**
   * The schema that holds the tables and functions: lower case letters, digits, underscores. The default is the schema
   * of the existing installation in `firstcome`, `public` or the role's search path; without one, `firstcome`.
   */
  schema?: string;
};

/** Limits of an embedded engine. Each is a whole number. */
export type FirstcomeLimits = {
  /** Connections that decide claims, which is how many coupons are decided at once; 1 to 500, default 4. */
  claimConnections?: number;
  /** Connections for everything else; 1 to 500, default 2. */
  queryConnections?: number;
  /** Milliseconds to wait for a connection from the pool; 100 to 60,000, default 2,000. */
  connectTimeoutMs?: number;
  /**
   * Milliseconds that a batch waits for its coupon's lock; 10 to 60,000 and less than half of `claimTimeoutMs`, default
   * 0.3 of it and at most 1,500.
   */
  lockTimeoutMs?: number;
  /** Milliseconds until the database cancels a statement; 100 to 600,000, default 10,000. */
  statementTimeoutMs?: number;
  /**
   * Milliseconds until the engine replaces a connection, give or take a tenth; 0 to 604,800,000, default 1,800,000. 0:
   * never.
   */
  connectionLifetimeMs?: number;
  /** Milliseconds that a claim waits for its outcome; 100 to 60,000, default 5,000. */
  claimTimeoutMs?: number;
  /** Claims of one coupon that one transaction decides; 1 to 10,000, default 1,000. */
  batchMax?: number;
  /** Claims of one coupon that may wait; 1 to 1,000,000, default 10,000. Further ones are `overloaded`. */
  laneWaitingMax?: number;
  /** A claim that would wait longer, in milliseconds, is `overloaded` at once; 10 to 600,000, default 1,000. */
  waitMaxMs?: number;
  /** Coupons that may have waiting claims at the same time; 1 to 1,000,000, default 20,000. */
  lanesMax?: number;
  /** Claims of all coupons that may wait; up to 10,000,000 and not below `laneWaitingMax`, default 50,000. */
  waitingMax?: number;
  /** Holders of sold out coupons in the sold-out cache; 0 to 100,000,000, default 2,000,000. 0: no cache. */
  soldOutHoldersMax?: number;
};

/** The options of `createFirstcome`. */
export type FirstcomeOptions = HostDatabase &
  FirstcomeLimits & {
    /** Accepts a database that can lose acknowledged claims, for example in a test; default false. */
    unsafeDurability?: boolean;
    /**
     * The least durability of a commit; default none. While the database offers less, the start rejects, and claims and all
     * changes are `unavailable`.
     */
    durabilityMin?: 'none' | 'local' | 'replicated';
    /** Receives a warning when the database is lost, and what the engine did about it; by default nothing is logged. */
    logger?: EngineLog;
  };

// The compiler rejects both lists when a name is missing.
const limitNames = Object.keys({
  ...{ claimConnections: true, queryConnections: true, connectTimeoutMs: true },
  ...{ lockTimeoutMs: true, statementTimeoutMs: true, connectionLifetimeMs: true },
  ...{ claimTimeoutMs: true, batchMax: true, laneWaitingMax: true, waitMaxMs: true },
  ...{ lanesMax: true, waitingMax: true, soldOutHoldersMax: true },
} satisfies Record<keyof FirstcomeLimits, true>);
const otherNames = Object.keys({
  ...{ pool: true, schema: true, unsafeDurability: true, durabilityMin: true, logger: true },
} satisfies Record<Exclude<keyof FirstcomeOptions, keyof FirstcomeLimits>, true>);
const optionNames = [...otherNames, ...limitNames];

/** One message for each option that does not exist; a misspelt option would have no effect. */
export function unknownOptions(given: object): string[] {
  return Object.keys(definedMembers(given))
    .filter((option) => !optionNames.includes(option))
    .map((option) => {
      const nearest = nearestName(option, optionNames);
      const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
      return `there is no option ${option}${hint}`;
    });
}

/** Throws a `StartError` that lists the options that do not exist. */
export function assertOptionNames(given: object): void {
  const mistakes = unknownOptions(given);
  if (mistakes.length > 0) throw new StartError(mistakes.join('\n'));
}

/**
 * One warning for each option that `stop` does not know. It is no error, because a program must be able to end whatever
 * it passes. A listener of an event or a signal passes the event or the name of the signal, which hold no options.
 */
export function unknownStopOptions(given: object): string[] {
  if (Object.getPrototypeOf(given) !== Object.prototype) return [];
  return Object.keys(definedMembers(given))
    .filter((option) => option !== 'timeoutMs')
    .map((option) => `stop has no option ${option}; it takes timeoutMs`);
}
