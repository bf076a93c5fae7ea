// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';
import { connectionConfig } from '../connections/connection-config.ts';
import { destroySocket } from '../connections/connection-source.ts';
import { catalogsOnly, setSearchPath } from '../connections/search-path.ts';
import { statement } from '../statements.ts';
import { cannotUse, isNotThereYet, messageOf, NotThereYet } from './start-failure.ts';

export { messageOf };

/** Where the database of a start is, and how long to wait for it. */
export type StartConnection = {
  url: string;
  /** For one try. */
  connectTimeoutMs: number;
  /** Whether a server that takes no writes will do. */
  readsOnly?: boolean;
  /** How long the database may take to become usable; by default there is one try. */
  waitMs?: number;
  /** Ends the waiting, and the work, at once. */
  signal?: AbortSignal | undefined;
  /** Called with the reason at the first try that fails, and then every few seconds. */
  onWait?: (reason: string) => void;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
};

const readWriteState = statement('read-write-state');
// Those of a role are meant for its daily work. A migration may take long, and so may the wait for another one.
const withoutLimits = {
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
};
const pauseMs = 250;
const lastTryMsMin = 500;
const reportEveryMs = 5_000;
const endMsMax = 500;

/**
 * Does the work of a start on one connection of its own, once the database is there and takes writes. The work begins
 * with a session that looks up names in the catalogs only. A connection that breaks during the work counts as a database
 * that is not there yet: the work is done again from the beginning, on a new connection. Rejects with a `StartError` that
 * says what to check, at once where waiting does not help, and with its reason when `signal` aborts.
 */
export async function withStartConnection<Result>(
  options: StartConnection,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const { url, connectTimeoutMs, waitMs = 0, signal, onWait, sleep } = options;
  const beganMs = performance.now();
  let tryMs = connectTimeoutMs;
  let reportedMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    signal?.throwIfAborted();
    let isWorking = false;
    try {
      return await tryOnce(options, tryMs, (client) => {
        isWorking = true;
        return work(client);
      });
    } catch (error) {
      signal?.throwIfAborted();
      const nowMs = performance.now();
      const leftMs = beganMs + waitMs - nowMs;
      const mayComeYet = isNotThereYet(error);
      if (isWorking && !mayComeYet && !(error instanceof pg.DatabaseError)) throw error;
      if (leftMs <= 0 || !mayComeYet) throw cannotUse(url, error, waitMs);
      if (nowMs - reportedMs >= reportEveryMs) {
        reportedMs = nowMs;
        onWait?.(messageOf(error));
      }
      await sleep(Math.min(pauseMs, leftMs), signal);
      tryMs = Math.min(connectTimeoutMs, Math.max(leftMs, lastTryMsMin));
    }
  }
}

async function tryOnce<Result>(
  { url, readsOnly = false, signal }: StartConnection,
  timeoutMs: number,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({
    ...connectionConfig(url, { name: 'firstcome start', settings: withoutLimits }),
    keepAlive: true,
  });
  let lost: Error | undefined;
  client.on('error', (error) => {
    lost ??= error;
  });
  const cut = () => destroySocket(client);
  signal?.addEventListener('abort', cut);
  // The driver's own limit ends at the server's greeting.
  const timer = setTimeout(() => {
    lost ??= new NotThereYet(`it did not answer within ${Math.round(timeoutMs / 100) / 10} s`);
    cut();
  }, timeoutMs);
  try {
    await client.connect();
    await setSearchPath(client, catalogsOnly);
    if (!readsOnly) await assertTakesWrites(client);
    clearTimeout(timer);
    return await work(client);
  } catch (error) {
    // What the work makes of it may hide that the connection is gone.
    throw lost ?? error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', cut);
    await endOf(client);
  }
}

async function assertTakesWrites(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ in_recovery: boolean; read_only: boolean }>(
    readWriteState.text,
  );
  const advice = 'Let DATABASE_URL lead to the server that takes writes.';
  if (rows[0]?.in_recovery) {
    throw new NotThereYet('it is in recovery, as a standby is, and takes no writes', advice);
  }
  if (rows[0]?.read_only) throw new NotThereYet('its transactions are read-only', advice);
}

/** Says farewell, and does not wait for a server that does not answer. */
async function endOf(client: pg.Client): Promise<void> {
  const timer = setTimeout(() => destroySocket(client), endMsMax);
  await client.end().catch(() => undefined);
  clearTimeout(timer);
}
