// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';
import { StartError } from '../../core/errors.ts';
import { withSettings } from './search-path.ts';

const startingUp = '57P03';
const startingUpWaitMsMax = 30_000;

/**
 * A connection of its own for what is done once, at the start. Waits while the server says that it is starting up.
 * Rejects with a `StartError` that tells what to check.
 */
export async function connectOnce(options: {
  url: string;
  connectTimeoutMs: number;
  /** Where unqualified names are looked up; without it where the role and the URL say. */
  searchPath?: string;
  sleep(ms: number): Promise<void>;
}): Promise<pg.Client> {
  const { searchPath } = options;
  const settings = searchPath === undefined ? {} : { search_path: searchPath };
  for (let waitedMs = 0; ; waitedMs += 250) {
    const client = new pg.Client({
      ...withSettings(options.url, settings),
      application_name: 'firstcome start',
      connectionTimeoutMillis: options.connectTimeoutMs,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      const code = (error as { code?: string }).code;
      if (code !== startingUp || waitedMs >= startingUpWaitMsMax) {
        throw new StartError(
          `cannot use the database at ${placeOf(options.url)}: ${messageOf(error)}\n` +
            'Check that it runs and that DATABASE_URL names its host, port, user, password and database.',
          { cause: error },
        );
      }
      await options.sleep(250);
    }
  }
}

/** Where the URL leads, without user and password. */
function placeOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host || 'the default host'}${pathname}`;
}

/** What went wrong, in words, also where an error has none of its own. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return error.errors.map(messageOf).join('; ');
  }
  const message = error instanceof Error ? error.message : String(error);
  return message || ((error as { code?: string }).code ?? 'unknown error');
}
