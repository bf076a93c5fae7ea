// SPDX-License-Identifier: GPL-3.0-or-later
/** Checks the database of a program that embeds the engine, before any part of the engine uses it. */
import type { Pool } from 'pg';
import { takeLentSession } from '../adapters/postgres/connections/lent-session.ts';
import { lacksTables } from '../adapters/postgres/errors/pg-error.ts';
import {
  findInstallation,
  readIdentity,
} from '../adapters/postgres/installation/find-installation.ts';
import { assertSequence } from '../adapters/postgres/start/coupon-sequence.ts';
import {
  adviceOnDurability,
  canLoseClaims,
  readDurability,
  warnOfReplicas,
} from '../adapters/postgres/start/durability.ts';
import { assertEncoding } from '../adapters/postgres/start/encoding.ts';
import { StartError } from '../core/errors.ts';
import { type Durability, type DurabilityMin, isDurableEnough } from '../core/health.ts';

/** What a start finds in the database of a host. */
export type HostDatabaseFacts = {
  schema: string;
  others: string[];
  identity: string;
  durability: Durability;
  /** What the host should know although the start goes ahead. */
  warning: string | undefined;
};

/** How advice names the setting of the schema. */
export const schemaSetting = 'the option schema';

/**
 * Refuses a database without an installation, and one that can lose claims, cannot store every name, or cannot give new
 * coupons an id. It uses a session like the engine's own, because a role or a database may have settings of its own.
 */
export async function checkHostDatabase(
  {
    pool,
    schema: wanted,
    unsafeDurability,
    durabilityMin = 'none',
  }: { pool: Pool; schema?: string; unsafeDurability?: boolean; durabilityMin?: DurabilityMin },
  timeoutMs: number,
): Promise<HostDatabaseFacts> {
  const client = await takeSession(pool, {}, timeoutMs);
  try {
    await assertEncoding(client);
    const location = await findInstallation(client, { schema: wanted, setting: schemaSetting });
    if (!location.isInstalled) throw notMigrated(location.schema, location.others);
    const { durability, unsafe } = await readDurability(client);
    if (durability === 'unsafe' && unsafeDurability !== true) {
      throw canLoseClaims(unsafe, 'set unsafeDurability');
    }
    if (!isDurableEnough(durability, durabilityMin)) {
      throw new StartError(
        `the durability of the database is "${durability}", and durabilityMin is "${durabilityMin}"\n` +
          adviceOnDurability(durabilityMin, 'durabilityMin'),
      );
    }
    const warning = await warnOfReplicas(client, durability);
    const identity = await readIdentity(client, location.schema).catch((error: unknown) => {
      throw lacksTables(error) ? notMigrated(location.schema) : error;
    });
    // Reads with the search path that readIdentity has set.
    await assertSequence(client);
    return { ...location, identity, durability, warning };
  } finally {
    client.release(true);
  }
}

/**
 * The schema has no installation, or one of another version. `others` are the schemas that have one, since the name of
 * the schema may be misspelt.
 */
export function notMigrated(schema: string, others: readonly string[] = []): StartError {
  const lines = [
    `the schema ${schema} cannot decide claims: bring it up to date with migrate(), on a server that takes writes`,
  ];
  if (others.length > 0) {
    lines.push(`Or set schema: there is an installation in schema ${others.join(', ')}.`);
  }
  return new StartError(lines.join('\n'));
}

/** Takes a session of the pool for one task, with the search path of its role. Rejects with a `StartError`. */
export async function takeSession(pool: Pool, settings: Record<string, string>, timeoutMs: number) {
  try {
    return await takeLentSession(pool, {
      settings,
      timeoutMs,
      // A lost connection makes the next statement fail, which reports it.
      onOpened: (client) => client.on('error', () => undefined),
    });
  } catch (error) {
    if (error instanceof StartError) throw error;
    const { message } = error as Error;
    throw new StartError(`the pool lends no connection: ${message}`, { cause: error });
  }
}
