// SPDX-License-Identifier: GPL-3.0-or-later
import { lookup } from 'node:dns/promises';
import type { Server } from 'node:http';
import { type AddressInfo, connect, createServer, Server as NetServer } from 'node:net';
import { setImmediate as immediately } from 'node:timers/promises';
import { StartError } from '../../core/errors.ts';
import type { HttpServer } from './server.ts';

// Where nobody listens, as a rule; it does not matter if somebody does.
const discardPort = 9;
const probeMsMax = 500;
const cannotListen = new Set(['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL']);

/**
 * Rejects with a `StartError` where `listen` would: asked before the database is started, a taken port is told at once.
 * The port is only bound, by a connection from it to nowhere. A socket that listens for the question would take
 * connections, and cut off whoever comes just then.
 */
export async function assertCanListen({ host, port }: { host: string; port: number }) {
  const failure = await lookup(host).then(
    ({ address }) => bindingFailure(address, port),
    (error: unknown) => error,
  );
  if (failure !== undefined) throw toStartError(failure, host, port);
}

function bindingFailure(localAddress: string, localPort: number): Promise<unknown> {
  const target = { '0.0.0.0': '127.0.0.1', '::': '::1' }[localAddress] ?? localAddress;
  const probe = connect({ host: target, port: discardPort, localAddress, localPort });
  return new Promise((resolve) => {
    const settle = (failure: unknown) => {
      probe.destroy();
      resolve(failure);
    };
    probe.setTimeout(probeMsMax, () => settle(undefined));
    probe.once('connect', () => settle(undefined));
    probe.once('error', (error: NodeJS.ErrnoException) =>
      settle(cannotListen.has(error.code ?? '') ? error : undefined),
    );
  });
}

/**
 * The port for several processes: where 0 asks for any, one that is free. Each of them asking for any would find that of
 * the others only while these live, and one that takes the place of another could not come back to it.
 */
export async function portToShare({ host, port }: { host: string; port: number }): Promise<number> {
  if (port !== 0) return port;
  const probe = createServer();
  return new Promise((resolve, reject) => {
    probe.once('error', (error) => reject(toStartError(error, host, port)));
    probe.listen(0, host, () => {
      const { port: free } = probe.address() as AddressInfo;
      probe.close(() => resolve(free));
    });
  });
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
  for (const further of furtherServers(server.app)) server.watch(further);
  const address = server.app.server.address();
  const actualPort = typeof address === 'object' && address !== null ? address.port : port;
  return `http://${host.includes(':') ? `[${host}]` : host}:${actualPort}`;
}

/** For `localhost` the framework has a server of its own for each further address of that name. */
function furtherServers(app: HttpServer['app']): Server[] {
  const isTheirs = ({ description }: symbol) => description === 'fastify.serverBindings';
  const theirs = Object.getOwnPropertySymbols(app).find(isTheirs);
  return theirs === undefined ? [] : ((app as unknown as Record<symbol, Server[]>)[theirs] ?? []);
}

/** How long to wait at the end, in milliseconds, and what else ends then. */
export type DrainOptions = {
  delayMs: number;
  timeoutMs: number;
  sleep(ms: number): Promise<void>;
  /** Answers the claims that wait, all of them within `timeoutMs`. */
  finishClaims(timeoutMs: number): Promise<void>;
};

// A request that is on its way when the port closes still gets its answer, if it comes within this.
const lateRequestMs = 250;
// The rest of the time is for the answers themselves to leave.
const claimsShare = 0.8;

/**
 * Leaves in the order that a load balancer needs: says that it is not ready, goes on for `delayMs`, then answers what
 * is under way and takes nothing new. Connections that are left after `timeoutMs` are cut.
 */
export async function leave(server: HttpServer, options: DrainOptions): Promise<void> {
  const { timeoutMs, sleep } = options;
  server.sayNotReady();
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
  // HTTP's own close would cut idle connections at once, and with them requests that are about to arrive.
  const closed = new Promise<void>((resolve) => {
    NetServer.prototype.close.call(http, () => resolve());
  });
  await Promise.race([closed, sleep(Math.min(lateRequestMs, timeoutMs))]);
  // A process that was halted meanwhile hears of the time before it hears of requests that came in it.
  await immediately();
  http.closeIdleConnections();
  server.closeSilentConnections();
  await closed;
  clearTimeout(timer);
}

function toStartError(error: unknown, host: string, port: number): unknown {
  switch ((error as { code?: string }).code) {
    case 'EADDRINUSE':
      return new StartError(
        `port ${port} on ${host} is in use, perhaps by a firstcome that runs already\nStop that one, or set PORT to another number.`,
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
