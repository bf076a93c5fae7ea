// SPDX-License-Identifier: GPL-3.0-or-later
/** Borrows a connection from a host's pool, and turns its session into one of the engine's. */
import type pg from 'pg';
import { StartError } from '../../../core/errors.ts';
import { statement } from '../statements.ts';
import { withTimeout } from './connection-timeouts.ts';
import { leadsThroughPooler } from './pooler.ts';

const discardSession = statement('discard-session');
const setSession = statement('set-session');

/** How a session is borrowed and set up. */
export type LentSessionOptions = {
  /** Settings that are not named here stay as the role and the host's pool set them. */
  settings: Record<string, string>;
  /** For the connection, and again for the setup of the session. */
  timeoutMs: number;
  /** Called in the same turn of the event loop in which the pool lends the connection. */
  onOpened(client: pg.PoolClient): void;
  /** Called when the session is set up; if it rejects, the connection is ended. */
  verify?(client: pg.PoolClient): Promise<void>;
};

/**
 * Borrows a connection and resets its session: the host's settings, temporary tables, locks and prepared statements are
 * gone, and the engine's settings are in force. The host must never get it back: release it with `true`, which ends it.
 *
 * Rejects when the pool lends none in time, and with a `StartError` when its sessions cannot be used safely.
 */
export async function takeLentSession(
  pool: pg.Pool,
  options: LentSessionOptions,
): Promise<pg.PoolClient> {
  const client = await borrow(pool, options);
  if (!hasSocket(client)) {
    client.release();
    throw new StartError(
      'the pool uses the native bindings of pg, which cannot close a connection that does not answer\n' +
        'Give the engine a Pool of pg itself, not of pg.native.',
    );
  }
  try {
    await withTimeout(client, options.timeoutMs, setUp(client, options));
    return client;
  } catch (error) {
    client.release(true);
    throw error;
  }
}

/** Resets the session, applies the settings, and verifies it. */
async function setUp(client: pg.PoolClient, options: LentSessionOptions): Promise<void> {
  // Fails inside a transaction that the host left open: such a connection is of no use to the host either.
  await client.query(discardSession.text);
  const { rows } = await client.query<{ backend: string }>(setSession.text, [
    Object.keys(options.settings),
    Object.values(options.settings),
  ]);
  assertNoPooler(client, Number(rows[0]?.backend));
  await options.verify?.(client);
}

/**
 * Uses a callback: a promise would resolve a turn later, and the server's next message could arrive before `onOpened`.
 */
function borrow(pool: pg.Pool, options: LentSessionOptions): Promise<pg.PoolClient> {
  return new Promise((resolve, reject) => {
    let isTooLate = false;
    const timer = setTimeout(() => {
      isTooLate = true;
      reject(new Error('the pool gave no connection in time'));
    }, options.timeoutMs);
    pool.connect((error, client, release) => {
      clearTimeout(timer);
      if (isTooLate) {
        // Unchanged, so the host can use it again.
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

function assertNoPooler(client: pg.PoolClient, backend: number): void {
  if (!leadsThroughPooler(client, backend)) return;
  throw new StartError(
    'the pool leads through a connection pooler, which may run each statement in another session\n' +
      'Give the engine a pool that connects to PostgreSQL directly.',
  );
}
