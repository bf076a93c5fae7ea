// SPDX-License-Identifier: GPL-3.0-or-later
/** What a program that embeds the engine can set, checked against the table of settings that the service has too. */

import { isSchemaName } from '../config/formats.ts';
import type { SettingVariable } from '../config/settings.ts';
import { ConfigError, loadConfig } from '../config.ts';
import { StartError } from '../core/errors.ts';
import { nearestName } from '../core/nearest-name.ts';
import { withoutUndefined } from './library-checks.ts';

/** Limits of an embedded engine. Each is a whole number. */
export type FirstcomeLimits = {
  /** Connections that decide claims: as many coupons can be decided at once; 1 to 500, default 4. */
  claimConnections?: number;
  /** Connections for everything else; 1 to 500, default 2. */
  queryConnections?: number;
  /** Milliseconds until the pool must have lent a connection; 100 to 60,000, default 2,000. */
  connectTimeoutMs?: number;
  /**
   * Milliseconds that a batch waits for its coupon's lock; 10 to 60,000 and less than half of `claimTimeoutMs`, default
   * 0.3 of it and at most 1,500.
   */
  lockTimeoutMs?: number;
  /** Milliseconds until the database cancels a statement; 100 to 600,000, default 10,000. */
  statementTimeoutMs?: number;
  /**
   * Milliseconds until a connection of the engine is replaced by a new one, give or take a tenth; 0 to 604,800,000,
   * default 1,800,000. 0: never.
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
  /** Coupons that may have claims waiting at once; 1 to 1,000,000, default 20,000. */
  lanesMax?: number;
  /** Claims of all coupons that may wait; up to 10,000,000 and not below `laneWaitingMax`, default 50,000. */
  waitingMax?: number;
  /** Holders of sold out coupons that are remembered; 0 to 100,000,000, default 2,000,000. 0: none. */
  soldOutHoldersMax?: number;
};

const variables: Record<keyof FirstcomeLimits, SettingVariable> = {
  claimConnections: 'DATABASE_CLAIM_CONNECTIONS',
  queryConnections: 'DATABASE_QUERY_CONNECTIONS',
  connectTimeoutMs: 'DATABASE_CONNECT_TIMEOUT_MS',
  lockTimeoutMs: 'DATABASE_LOCK_TIMEOUT_MS',
  statementTimeoutMs: 'DATABASE_STATEMENT_TIMEOUT_MS',
  connectionLifetimeMs: 'DATABASE_CONNECTION_LIFETIME_MS',
  claimTimeoutMs: 'CLAIM_TIMEOUT_MS',
  batchMax: 'CLAIM_BATCH_MAX',
  laneWaitingMax: 'CLAIM_LANE_WAITING_MAX',
  waitMaxMs: 'CLAIM_WAIT_MAX_MS',
  lanesMax: 'CLAIM_LANES_MAX',
  waitingMax: 'CLAIM_WAITING_MAX',
  soldOutHoldersMax: 'CLAIM_SOLD_OUT_HOLDERS_MAX',
};

// The driver's pool has ten by default, of which the host keeps some.
const defaults = { claimConnections: 4, queryConnections: 2 };

/**
 * The limits in force. Throws one `StartError` that holds every mistake, a line each. `others` names the options that are
 * no limits, as a misspelt option may mean one of them.
 */
export function checkLimits(given: FirstcomeLimits, others: readonly string[]) {
  const texts: Record<string, string> = {};
  const mistakes: string[] = [];
  for (const [option, value] of Object.entries({ ...defaults, ...withoutUndefined(given) })) {
    const variable = variables[option as keyof FirstcomeLimits];
    if (variable === undefined) mistakes.push(noSuchOption(option, others));
    else if (typeof value !== 'number') mistakes.push(`${option} must be a number`);
    else texts[variable] = String(value);
  }
  try {
    const { database, claims } = loadConfig({}, texts);
    if (mistakes.length === 0) return { database, claims };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    mistakes.push(...error.mistakes.map(inOptions));
  }
  throw new StartError(mistakes.join('\n'));
}

/** Throws a `StartError` for options that are neither limits nor among `others`: a misspelt one would have no effect. */
export function assertOptionNames(given: object, others: readonly string[]): void {
  const mistakes = Object.keys(withoutUndefined(given))
    .filter((option) => !others.includes(option) && !Object.hasOwn(variables, option))
    .map((option) => noSuchOption(option, others));
  if (mistakes.length > 0) throw new StartError(mistakes.join('\n'));
}

/**
 * One warning for each option that `stop` does not know. It does not fail, as the end of a program must not depend on how
 * an option is spelt. Called as a listener it gets an event or the name of a signal, which hold no options.
 */
export function unknownStopOptions(given: object): string[] {
  if (Object.getPrototypeOf(given) !== Object.prototype) return [];
  return Object.keys(withoutUndefined(given))
    .filter((option) => option !== 'timeoutMs')
    .map((option) => `stop has no option ${option}; it takes timeoutMs`);
}

/** Throws a `StartError` for what is no name of a schema that needs no quotes. Without one the rule of the service holds. */
export function assertSchema(schema: string | undefined): void {
  if (schema === undefined || (typeof schema === 'string' && isSchemaName(schema))) return;
  throw new StartError(
    'schema must be 1 to 63 lower case letters, digits and underscores,\n' +
      'not begin with a digit or with pg_, and not be information_schema',
  );
}

function noSuchOption(option: string, others: readonly string[]): string {
  const nearest = nearestName(option, [...others, ...Object.keys(variables)]);
  const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
  return `there is no option ${option}${hint}`;
}

/** What the configuration says about its variables, said about the options. */
function inOptions(mistake: string): string {
  return Object.entries(variables).reduce(
    (text, [option, variable]) => text.replaceAll(new RegExp(`\\b${variable}\\b`, 'g'), option),
    mistake,
  );
}
