// SPDX-License-Identifier: GPL-3.0-or-later
import { once } from 'node:events';
import { createServer } from 'node:net';
import { StartError } from '../../core/errors.ts';
import type { HttpServer } from './server.ts';

/**
 * Rejects with a `StartError` where `listen` would: asked before the database is started, a taken port is told at once.
 */
export async function assertCanListen(place: { host: string; port: number }): Promise<void> {
  const probe = createServer();
  try {
    probe.listen(place.port, place.host);
    await once(probe, 'listening');
  } catch (error) {
    throw toStartError(error, place.host, place.port);
  } finally {
    probe.close();
  }
}

/** Starts to listen and returns the address, such as `http://127.0.0.1:8080`. Rejects with a `StartError`. */
export async function listen(
  server: HttpServer,
  place: { host: string; port: number; backlog: number },
): Promise<string> {
  const { host, port, backlog } = place;
  try {
    await server.app.listen({ host, port, backlog });
  } catch (error) {
    throw toStartError(error, host, port);
  }
  const address = server.app.server.address();
  const actualPort = typeof address === 'object' && address !== null ? address.port : port;
  return `http://${host.includes(':') ? `[${host}]` : host}:${actualPort}`;
}

/**
 * Leaves in the order that a load balancer needs: says that it is not ready, goes on for `delayMs`, then answers what
 * is under way and takes nothing new. Connections that are left after `timeoutMs` are cut.
 */
export async function leave(
  server: HttpServer,
  options: { delayMs: number; timeoutMs: number; sleep(ms: number): Promise<void> },
): Promise<void> {
  server.sayNotReady();
  await options.sleep(options.delayMs);
  server.stopTakingRequests();
  const timer = setTimeout(() => server.app.server.closeAllConnections(), options.timeoutMs);
  await server.app.close();
  clearTimeout(timer);
}

function toStartError(error: unknown, host: string, port: number): unknown {
  switch ((error as { code?: string }).code) {
    case 'EADDRINUSE':
      return new StartError(
        `port ${port} on ${host} is in use by another program\nStop that one, or set PORT to another number.`,
      );
    case 'EACCES':
      return new StartError(
        `this user may not listen on port ${port} of ${host}\nSet PORT to a number above 1023.`,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new StartError(`${host} is no address of this machine\nSet HOST to one that is.`);
    default:
      return error;
  }
}
