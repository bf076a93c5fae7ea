// SPDX-License-Identifier: GPL-3.0-or-later
import type { Server } from 'node:http';
import { Server as NetServer } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { HttpServer } from './server.ts';

/** How long a drain may take, and what else it waits for. */
export type DrainOptions = {
  /** How long requests are still served after `/readyz` has begun to return 503. */
  delayMs: number;
  /** How long requests in hand may take after that. */
  timeoutMs: number;
  sleep(ms: number): Promise<void>;
  /** Answers the waiting claims, all of them within `timeoutMs`. */
  finishClaims(timeoutMs: number): Promise<void>;
};

// A request that is being sent while the port closes is still answered, if it arrives within this time.
const lateRequestMs = 250;
// The rest of the time is for sending the responses.
const claimsShare = 0.8;

/**
 * Drains the server, in the order that a load balancer needs:
 *
 * 1. `/readyz` returns 503, and requests are served for another `delayMs`.
 * 2. New requests are refused, and the port closes.
 * 3. Requests in hand are answered, each as the last of its connection.
 * 4. Connections that are still open after `timeoutMs` are cut.
 */
export async function drain(server: HttpServer, options: DrainOptions): Promise<void> {
  const { timeoutMs, sleep } = options;
  server.reportNotReady();
  await sleep(options.delayMs);
  server.stopTakingRequests();
  await Promise.all([
    options.finishClaims(timeoutMs * claimsShare),
    closeConnections(server, timeoutMs, sleep),
  ]);
  await server.app.close();
}

async function closeConnections(
  server: HttpServer,
  timeoutMs: number,
  sleep: DrainOptions['sleep'],
): Promise<void> {
  const http = server.app.server;
  const timer = setTimeout(() => http.closeAllConnections(), timeoutMs);
  // The `close` of an HTTP server would cut idle connections at once, and with them requests that are about to arrive.
  const closed = new Promise<void>((resolve) => {
    NetServer.prototype.close.call(http, () => resolve());
  });
  await Promise.race([closed, sleep(Math.min(lateRequestMs, timeoutMs))]);
  await untilNothingArrives(http);
  http.closeIdleConnections();
  server.closeSilentConnections();
  await closed;
  clearTimeout(timer);
}

/**
 * Resolves after a turn of the event loop that has read no request. When this process was paused, the timer fires before
 * the requests are read that arrived in time. While it is busy, further ones arrive during each turn. Ends by itself: the
 * port is closed, each response is the last of its connection, and `timeoutMs` cuts what is left.
 */
async function untilNothingArrives(http: Server): Promise<void> {
  let hasArrived = true;
  const onRequest = () => {
    hasArrived = true;
  };
  http.on('request', onRequest);
  while (hasArrived) {
    hasArrived = false;
    await nextTurn();
  }
  http.off('request', onRequest);
}
