// SPDX-License-Identifier: GPL-3.0-or-later
/** Checks the options of an embedded engine against the same table of settings that the service has. */
import { isSchemaName } from '../config/formats.ts';
import type { SettingVariable } from '../config/settings.ts';
import { ConfigError, loadConfig } from '../config.ts';
import { StartError } from '../core/errors.ts';
import { type DurabilityMin, durabilityMinima } from '../core/health.ts';
import { definedMembers } from '../entrypoints/library/defined-members.ts';
import { type FirstcomeLimits, unknownOptions } from '../entrypoints/library/options.ts';

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

// The driver's pool has ten connections by default; some of them stay for the host.
const defaults = { claimConnections: 4, queryConnections: 2 };

/** The limits in force. Throws one `StartError` that lists every mistake, one in each line. */
export function checkLimits(given: FirstcomeLimits) {
  const texts: Record<string, string> = {};
  const mistakes = unknownOptions(given);
  for (const [option, value] of Object.entries({ ...defaults, ...definedMembers(given) })) {
    const variable = variables[option as keyof FirstcomeLimits];
    if (variable === undefined) continue;
    if (typeof value === 'number') texts[variable] = String(value);
    else mistakes.push(`${option} must be a number`);
  }
  try {
    const { database, claims } = loadConfig({}, texts);
    if (mistakes.length === 0) return { database, claims };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    mistakes.push(...error.mistakes.map(withOptionNames));
  }
  throw new StartError(mistakes.join('\n'));
}

/** Throws a `StartError` for a least durability that does not exist. */
export function assertDurabilityMin(min: DurabilityMin): void {
  if (durabilityMinima.includes(min)) return;
  throw new StartError(`durabilityMin must be one of ${durabilityMinima.join(', ')}`);
}

/** Throws a `StartError` for a name of a schema that SQL could not read without quotes. */
export function assertSchema(schema: string | undefined): void {
  if (schema === undefined || (typeof schema === 'string' && isSchemaName(schema))) return;
  throw new StartError(
    'schema must be 1 to 63 lower case letters, digits and underscores,\n' +
      'not begin with a digit or with pg_, and not be information_schema',
  );
}

/** A mistake that the configuration reports, with the names of options in place of variables. */
function withOptionNames(mistake: string): string {
  return Object.entries(variables).reduce(
    (text, [option, variable]) => text.replaceAll(new RegExp(`\\b${variable}\\b`, 'g'), option),
    mistake,
  );
}
