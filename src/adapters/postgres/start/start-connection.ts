// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';
import { messageOf } from '../../../core/error-message.ts';
import { connectionConfig } from '../connections/connection-config.ts';
import { destroySocket, endWithin } from '../connections/connection-timeouts.ts';
import { configForPrimary } from '../connections/route.ts';
import { catalogsOnly, setSearchPath } from '../connections/search-path.ts';
import { statement } from '../statements.ts';
import { DatabaseNotReady, isNotReady, startFailure } from './start-failure.ts';
import { watchServer } from './watch-server.ts';

/** The database that a start needs, and how long to wait for it. */
export type StartConnection = {
  url: string;
  /** For one attempt to connect, and for each check during the work that the server still answers. */
  connectTimeoutMs: number;
  /** Accepts a server that takes no writes. */
  readsOnly?: boolean;
  /** How long to wait for the database to become usable; by default there is one attempt. */
  waitMs?: number;
  /** Aborts the wait and the work at once. */
  signal?: AbortSignal | undefined;
  /** Called with the reason when the first attempt fails, and then every few seconds. */
  onWait?: (reason: string) => void;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
};

const readWriteState = statement('read-write-state');
// A role's own limits are for its daily work. A migration may take long, and so may the wait for another migration.
const noTimeouts = {
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
};
const pauseMs = 250;
const lastAttemptMsMin = 500;
const reportEveryMs = 5_000;
const endMsMax = 500;

/**
 * Runs the work of a start on one connection, once the database is there and takes writes. At first the session looks
 * up names in the catalogs only. When the connection breaks or the server stops answering, the database counts as not
 * ready, and the work starts again on a new connection. Rejects with a `StartError` that says what to check, at once
 * where waiting does not help; and with the reason of `signal` when it aborts.
 */
export async function withStartConnection<Result>(
  options: StartConnection,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const { url, connectTimeoutMs, waitMs = 0, signal, onWait, sleep } = options;
  const beganMs = performance.now();
  let attemptMs = connectTimeoutMs;
  let reportedMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    signal?.throwIfAborted();
    let isWorking = false;
    try {
      return await attempt(options, attemptMs, (client) => {
        isWorking = true;
        return work(client);
      });
    } catch (error) {
      signal?.throwIfAborted();
      const nowMs = performance.now();
      const leftMs = beganMs + waitMs - nowMs;
      const mayBecomeReady = isNotReady(error);
      if (isWorking && !mayBecomeReady && !(error instanceof pg.DatabaseError)) throw error;
      if (leftMs <= 0 || !mayBecomeReady) throw startFailure(url, error, waitMs);
      if (nowMs - reportedMs >= reportEveryMs) {
        reportedMs = nowMs;
        onWait?.(messageOf(error));
      }
      await sleep(Math.min(pauseMs, leftMs), signal);
      attemptMs = Math.min(connectTimeoutMs, Math.max(leftMs, lastAttemptMsMin));
    }
  }
}

async function attempt<Result>(
  { url, connectTimeoutMs, readsOnly = false, signal }: StartConnection,
  timeoutMs: number,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const session = { name: 'firstcome start', settings: noTimeouts };
  const config = await orAbort(configForPrimary(url, session, timeoutMs), signal);
  const client = new pg.Client({ ...config, keepAlive: true });
  let lost: Error | undefined;
  client.on('error', (error) => {
    lost ??= error;
  });
  const destroy = () => destroySocket(client);
  const giveUp = (reason: string) => {
    lost ??= new DatabaseNotReady(reason);
    destroy();
  };
  signal?.addEventListener('abort', destroy);
  // The driver's own timeout ends at the server's greeting.
  const timer = setTimeout(
    () => giveUp(`it did not answer within ${Math.round(timeoutMs / 100) / 10} s`),
    timeoutMs,
  );
  let endWatch: (() => void) | undefined;
  try {
    await client.connect();
    await setSearchPath(client, catalogsOnly);
    if (!readsOnly) await assertTakesWrites(client);
    clearTimeout(timer);
    endWatch = watchServer(client, {
      config: connectionConfig(
        url,
        { name: 'firstcome check' },
        { host: client.host, port: client.port },
      ),
      intervalMs: connectTimeoutMs,
      onFrozen: () => giveUp('it stopped answering'),
    });
    return await work(client);
  } catch (error) {
    // The work may report the loss of its connection as an error of another kind.
    throw lost ?? error;
  } finally {
    clearTimeout(timer);
    endWatch?.();
    signal?.removeEventListener('abort', destroy);
    await endWithin(client, endMsMax);
  }
}

/** Waits for `work`, or rejects with the reason of the signal. */
async function orAbort<Result>(
  work: Promise<Result>,
  signal: AbortSignal | undefined,
): Promise<Result> {
  if (signal === undefined) return await work;
  const done = new AbortController();
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { signal: done.signal });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    done.abort();
  }
}

async function assertTakesWrites(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ in_recovery: boolean; read_only: boolean }>(
    readWriteState.text,
  );
  const advice = 'Let DATABASE_URL lead to the server that takes writes.';
  if (rows[0]?.in_recovery) {
    throw new DatabaseNotReady('it is in recovery, as a standby is, and takes no writes', advice);
  }
  if (rows[0]?.read_only) throw new DatabaseNotReady('its transactions are read-only', advice);
}
