// SPDX-License-Identifier: GPL-3.0-or-later
/** Takes a connection out of a pool of somebody else's, and makes its session one of ours. */
import type pg from 'pg';
import { StartError } from '../../../core/errors.ts';
import { statement } from '../statements.ts';
import { cutAfter } from './connection-source.ts';
import { leadsThroughPooler } from './pooler.ts';

const discardSession = statement('discard-session');
const setSession = statement('set-session');

/** What is asked of the pool. */
export type LentSessionOptions = {
  /** What is not named here is as the role and the host's pool set it. */
  settings: Record<string, string>;
  /** For the connection, and once more for the session. */
  timeoutMs: number;
  /** Called within the turn in which the connection is there. */
  onOpened(client: pg.PoolClient): void;
  /** Called when the session is one of ours; when it rejects, the connection is ended. */
  verify?(client: pg.PoolClient): Promise<void>;
};

/**
 * A connection whose session holds nothing of the host's any more: its settings, temporary tables, locks and prepared
 * statements are gone, and ours are set. So it must never go back to the host: release it with `true`, which ends it.
 *
 * Rejects when the pool gives none in time, and with a `StartError` when its sessions cannot be used safely.
 */
export async function takeLentSession(
  pool: pg.Pool,
  options: LentSessionOptions,
): Promise<pg.PoolClient> {
  const client = await takeOut(pool, options);
  if (!hasSocket(client)) {
    client.release();
    throw new StartError(
      'the pool uses the native bindings of pg, which cannot cut a connection that does not answer\n' +
        'Give the engine a Pool of pg itself, not of pg.native.',
    );
  }
  try {
    await cutAfter(client, options.timeoutMs, takeOver(client, options));
    return client;
  } catch (error) {
    client.release(true);
    throw error;
  }
}

/** Empties the session, sets it up, and verifies it. */
async function takeOver(client: pg.PoolClient, options: LentSessionOptions): Promise<void> {
  // Refused inside a transaction that the host has left open: then this connection is of no use to anybody.
  await client.query(discardSession.text);
  const { rows } = await client.query<{ backend: string }>(setSession.text, [
    Object.keys(options.settings),
    Object.values(options.settings),
  ]);
  assertOwnBackend(client, Number(rows[0]?.backend));
  await options.verify?.(client);
}

/** By callback: within a promise, what the server says next could arrive before anybody listens. */
function takeOut(pool: pg.Pool, options: LentSessionOptions): Promise<pg.PoolClient> {
  return new Promise((resolve, reject) => {
    let isTooLate = false;
    const timer = setTimeout(() => {
      isTooLate = true;
      reject(new Error('the pool gave no connection in time'));
    }, options.timeoutMs);
    pool.connect((error, client, release) => {
      clearTimeout(timer);
      if (isTooLate) {
        // Untouched, so the host may have it back.
        release();
      } else if (client === undefined) {
        reject(error ?? new Error('the pool gave no connection'));
      } else {
        options.onOpened(client);
        resolve(client);
      }
    });
  });
}

function hasSocket(client: pg.PoolClient): boolean {
  const { connection } = client as unknown as { connection?: { stream?: unknown } };
  return connection?.stream !== undefined;
}

function assertOwnBackend(client: pg.PoolClient, backend: number): void {
  if (!leadsThroughPooler(client, backend)) return;
  throw new StartError(
    'the pool leads through a connection pooler, which may put each statement into another session\n' +
      'Give the engine a pool that connects to PostgreSQL itself.',
  );
}
