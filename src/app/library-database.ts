// SPDX-License-Identifier: GPL-3.0-or-later
/** The database of a program that embeds the engine, before any part of the engine uses it. */
import type { Pool } from 'pg';
import { takeLentSession } from '../adapters/postgres/connections/lent-session.ts';
import { lacksTables } from '../adapters/postgres/errors/pg-error.ts';
import {
  findInstallation,
  readIdentity,
} from '../adapters/postgres/installation/find-installation.ts';
import { assertSequence } from '../adapters/postgres/start/coupon-sequence.ts';
import { canLoseClaims, readDurability } from '../adapters/postgres/start/durability.ts';
import { assertEncoding } from '../adapters/postgres/start/encoding.ts';
import { StartError } from '../core/errors.ts';
import type { Durability } from '../core/health.ts';

/** How advice names the place where the schema is set. */
export const setting = 'the option schema';

/**
 * Refuses a database that has no installation, cannot keep claims, take every name, or give new coupons an id. Judged on
 * a session as the engine's own are: a role or a database may have settings of its own.
 */
export async function checkHostDatabase(
  {
    pool,
    schema: wanted,
    unsafeDurability,
  }: { pool: Pool; schema?: string; unsafeDurability?: boolean },
  timeoutMs: number,
): Promise<{ schema: string; others: string[]; identity: string; durability: Durability }> {
  const client = await takeSession(pool, {}, timeoutMs);
  try {
    await assertEncoding(client);
    const place = await findInstallation(client, { schema: wanted, setting });
    if (!place.isInstalled) throw notMigrated(place.schema, place.others);
    const { durability, unsafe } = await readDurability(client);
    if (durability === 'unsafe' && unsafeDurability !== true) {
      throw canLoseClaims(unsafe, 'set unsafeDurability');
    }
    const identity = await readIdentity(client, place.schema).catch((error: unknown) => {
      throw lacksTables(error) ? notMigrated(place.schema) : error;
    });
    // On the search path that the identity was read with.
    await assertSequence(client);
    return { ...place, identity, durability };
  } finally {
    client.release(true);
  }
}

/**
 * The schema has no installation, or one of another version. `others` are the schemas that have one: the name of this one
 * may be misspelt.
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

/** A session of the pool for what is done once. Its search path is that of its role. Rejects with a `StartError`. */
export async function takeSession(pool: Pool, settings: Record<string, string>, timeoutMs: number) {
  try {
    return await takeLentSession(pool, {
      settings,
      timeoutMs,
      // Its statements tell of the loss.
      onOpened: (client) => client.on('error', () => undefined),
    });
  } catch (error) {
    if (error instanceof StartError) throw error;
    const { message } = error as Error;
    throw new StartError(`the pool lends no connection: ${message}`, { cause: error });
  }
}
