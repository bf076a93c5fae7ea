// SPDX-License-Identifier: GPL-3.0-or-later
import { lookup } from 'node:dns/promises';
import type { Server } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { StartError } from '../../core/errors.ts';
import type { HttpServer } from './server.ts';

// The target of the probe. Usually no program listens there; it does not matter if one does.
const discardPort = 9;
const probeMsMax = 500;
const cannotListen = new Set(['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL']);

/**
 * Rejects with a `StartError` where `listen` would. Runs before the database is started, so that a taken port is
 * reported at once. Binds the port with an outgoing connection: a socket that listens would accept connections and cut
 * them off.
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
    const finish = (failure: unknown) => {
      probe.destroy();
      resolve(failure);
    };
    probe.setTimeout(probeMsMax, () => finish(undefined));
    probe.once('connect', () => finish(undefined));
    probe.once('error', (error: NodeJS.ErrnoException) =>
      finish(cannotListen.has(error.code ?? '') ? error : undefined),
    );
  });
}

/**
 * The port for several processes: a free one where 0 stands for any. It is chosen once for all of them, since a worker
 * that replaces another must listen on the same port.
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

/** Starts to listen and returns the URL, such as `http://127.0.0.1:8080`. Rejects with a `StartError`. */
export async function listen(
  server: HttpServer,
  location: { host: string; port: number; backlog: number },
): Promise<string> {
  const { host, port, backlog } = location;
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

/** For `localhost` Fastify creates another server for each further address of that name. */
function furtherServers(app: HttpServer['app']): Server[] {
  const bindings = Object.getOwnPropertySymbols(app).find(
    ({ description }) => description === 'fastify.serverBindings',
  );
  if (bindings === undefined) return [];
  return (app as unknown as Record<symbol, Server[]>)[bindings] ?? [];
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
