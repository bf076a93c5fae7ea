// SPDX-License-Identifier: GPL-3.0-or-later
/** What the commands `backup`, `restore` and `copy` read from a database. */

import type { InstallationLocation } from '../adapters/postgres/installation/choose-schema.ts';
import { findInstallation } from '../adapters/postgres/installation/find-installation.ts';
import {
  type StartConnection,
  withStartConnection,
} from '../adapters/postgres/start/start-connection.ts';
import { systemClock } from '../adapters/system/clock.ts';
import type { Config } from '../config.ts';
import { StartError } from '../core/errors.ts';

/** The connection of a command: one attempt, and no wait. */
export function commandConnection(
  config: Config,
  url: string,
  signal: AbortSignal,
): StartConnection {
  const { connectTimeoutMs } = config.database;
  return { url, connectTimeoutMs, signal, sleep: systemClock.sleep };
}

/**
 * The only installation in a database, or that in DATABASE_SCHEMA. Rejects with a `StartError` when there is none.
 */
export async function installationIn(
  config: Config,
  connection: StartConnection,
): Promise<InstallationLocation> {
  const setting = 'DATABASE_SCHEMA';
  return await withStartConnection(connection, async (client) => {
    const { schema } = config.database;
    const wanted = await findInstallation(client, { schema, setting });
    if (wanted.isInstalled) return wanted;
    // A bundled database may be from the time before DATABASE_SCHEMA was set for the next one.
    const [only, ...more] = wanted.others;
    if (only !== undefined && more.length === 0) {
      return await findInstallation(client, { schema: only, setting });
    }
    throw new StartError(
      `the database has no installation in schema ${wanted.schema}\nStart the service on it once, or set DATABASE_SCHEMA.`,
    );
  });
}
