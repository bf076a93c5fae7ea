// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';
import { destroySocket, endWithin } from '../connections/connection-timeouts.ts';

// One slow answer may come from a busy server; a long migration must survive it.
const unansweredMax = 3;

/**
 * Watches a connection while work runs on it, which may take long. When nothing arrives on the connection for
 * `intervalMs`, a second connection finds out whether the server still answers. After three such checks in a row
 * without an answer `onFrozen` is called, once. Returns a function that ends the watch.
 */
export function watchServer(
  client: pg.Client,
  options: { config: pg.ClientConfig; intervalMs: number; onFrozen(): void },
): () => void {
  const { config, intervalMs, onFrozen } = options;
  let receivedBytes = bytesReceived(client);
  let unanswered = 0;
  let check: Check | undefined;
  let timer: NodeJS.Timeout | undefined;

  const tick = async () => {
    const isSilent = bytesReceived(client) === receivedBytes;
    receivedBytes = bytesReceived(client);
    check = isSilent ? startCheck(config, intervalMs) : undefined;
    const isAnswered = (await check?.isAnswered) ?? true;
    if (timer === undefined) return;
    unanswered = isAnswered ? 0 : unanswered + 1;
    if (unanswered === unansweredMax) onFrozen();
    else schedule();
  };
  const schedule = () => {
    timer = setTimeout(() => void tick(), intervalMs);
  };
  schedule();

  return () => {
    clearTimeout(timer);
    timer = undefined;
    check?.end();
  };
}

type Check = { isAnswered: Promise<boolean>; end(): void };

/** Connects once. An error of the server, such as too many connections, is an answer too. */
function startCheck(config: pg.ClientConfig, timeoutMs: number): Check {
  const client = new pg.Client(config);
  client.on('error', () => undefined);
  const end = () => destroySocket(client);
  // The driver's own timeout ends at the server's greeting.
  const timer = setTimeout(end, timeoutMs);
  const isAnswered = client
    .connect()
    .then(
      () => true,
      (error: unknown) => error instanceof pg.DatabaseError,
    )
    .finally(() => {
      clearTimeout(timer);
      void endWithin(client, timeoutMs);
    });
  return { isAnswered, end };
}

function bytesReceived(client: pg.Client): number {
  return (client as unknown as { connection: { stream: { bytesRead: number } } }).connection.stream
    .bytesRead;
}
