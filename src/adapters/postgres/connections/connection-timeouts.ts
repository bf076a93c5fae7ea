// SPDX-License-Identifier: GPL-3.0-or-later
/** Limits of time on a connection whose server may never answer. */
import type pg from 'pg';

/** Waits for `work` on a connection, and destroys the connection when it takes longer than `timeoutMs`. */
export async function withTimeout<Result>(
  client: pg.ClientBase,
  timeoutMs: number,
  work: Promise<Result>,
): Promise<Result> {
  let isTooLate = false;
  const timer = setTimeout(() => {
    isTooLate = true;
    destroySocket(client);
  }, timeoutMs);
  try {
    return await work;
  } catch (error) {
    if (!isTooLate) throw error;
    throw new Error(`the server did not answer within ${timeoutMs} ms`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** Ends a connection by the protocol, and destroys it when the server does not close it within `timeoutMs`. */
export async function endWithin(client: pg.Client, timeoutMs: number): Promise<void> {
  const timer = setTimeout(() => destroySocket(client), timeoutMs);
  await client.end().catch(() => undefined);
  clearTimeout(timer);
}

/** Closes a connection at once; to end it by the protocol would wait for a server that may never answer. */
export function destroySocket(client: pg.ClientBase): void {
  (
    client as unknown as { connection: { stream: { destroy(): void } } }
  ).connection.stream.destroy();
}
