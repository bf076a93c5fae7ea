// SPDX-License-Identifier: GPL-3.0-or-later
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import Fastify from 'fastify';
import { afterEach, expect, it } from 'vitest';
import { waitFor } from '../../../../test/support/wait-for.ts';
import { drain } from '../drain.ts';
import type { HttpServer } from '../server.ts';
import { type DiscardLimits, UnreadBodies } from './unread-bodies.ts';

const mebibyte = 1024 * 1024;
const hourMs = 3_600_000;

/** Limits that are not reached; each test sets its own. */
const unlimited: DiscardLimits = {
  ...{ bytesMax: Number.POSITIVE_INFINITY, idleMs: hourMs, timeoutMs: hourMs },
  ...{ connectionsMax: 100, keepAliveBytesMax: 1000 },
};

const ends: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A server that refuses every request before its body, with its sockets. */
async function refusingServer(limits: Partial<DiscardLimits>) {
  const unreadBodies = new UnreadBodies({ ...unlimited, ...limits });
  const app = Fastify({ forceCloseConnections: true });
  app.addHook('onSend', (request, reply, payload, done) => {
    unreadBodies.beforeResponse(request, reply);
    done(null, payload);
  });
  app.addHook('onRequest', (_request, reply) => {
    reply.code(403).send('refused');
  });
  app.post('/', () => 'served');
  const sockets = new Map<number | undefined, Socket>();
  app.server.on('connection', (socket) => sockets.set(socket.remotePort, socket));
  await app.listen({ port: 0, host: '127.0.0.1' });
  ends.push(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  return { app, unreadBodies, port, sockets };
}

/** A client that announces a large body, has received its response, and keeps its side open. */
async function refusedClient({ port, sockets }: { port: number; sockets: Map<unknown, Socket> }) {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  ends.push(() => socket.destroy());
  socket.on('error', () => undefined);
  let received = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    received += text;
  });
  socket.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\r\n');
  await once(socket, 'end');
  expect(received).toMatch(/^HTTP\/1\.1 403 .*\r\nconnection: close\r\n.*refused$/is);
  const serverSide = sockets.get(socket.localPort) as Socket;
  return { socket, serverSide };
}

async function sendUntilClosed(socket: Socket, chunk: Buffer): Promise<void> {
  while (!socket.destroyed) {
    if (!socket.write(chunk)) {
      await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => undefined);
    }
  }
}

it('a connection closes when the limit of discarded bytes is reached', async () => {
  const server = await refusingServer({ bytesMax: 4 * mebibyte });
  const { socket, serverSide } = await refusedClient(server);
  await sendUntilClosed(socket, Buffer.alloc(64 * 1024));
  await waitFor('end of the connection', () => serverSide.destroyed);
  expect(serverSide.bytesRead).toBeGreaterThan(4 * mebibyte);
  // One read may go beyond the limit.
  expect(serverSide.bytesRead).toBeLessThan(5 * mebibyte);
});

it('a connection closes when its client sends nothing more', async () => {
  const server = await refusingServer({ idleMs: 20 });
  const { serverSide } = await refusedClient(server);
  await waitFor('end of the connection', () => serverSide.destroyed);
});

it('a connection closes in time although its client sends a byte now and then', async () => {
  const server = await refusingServer({ timeoutMs: 100 });
  const { socket, serverSide } = await refusedClient(server);
  const timer = setInterval(() => socket.write('x'), 5);
  ends.push(() => clearInterval(timer));
  await waitFor('end of the connection', () => serverSide.destroyed);
});

it('a connection closes when its client closes it', async () => {
  const server = await refusingServer({});
  const { socket, serverSide } = await refusedClient(server);
  socket.end(Buffer.alloc(mebibyte));
  await once(socket, 'close');
  await waitFor('end of the connection', () => serverSide.destroyed);
  expect(serverSide.bytesRead).toBeGreaterThan(mebibyte);
});

it('a body that arrives together with its head is discarded', async () => {
  const { port, sockets } = await refusingServer({});
  const socket = connect({ port, host: '127.0.0.1' });
  const errors: Error[] = [];
  socket.on('error', (error) => errors.push(error));
  socket.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4194304\r\n\r\n');
  socket.end(Buffer.alloc(4 * mebibyte));
  socket.resume();
  const serverSide = await waitFor('connection', () => [...sockets.values()][0]);
  await waitFor('end of the connection', () => serverSide.destroyed);
  expect(serverSide.bytesRead).toBeGreaterThan(4 * mebibyte);
  expect(errors).toEqual([]);
});

it('a connection closes at once when too many others discard bodies', async () => {
  const server = await refusingServer({ connectionsMax: 2 });
  const [first, second] = [await refusedClient(server), await refusedClient(server)];
  const third = await refusedClient(server);
  await waitFor('end of the third connection', () => third.serverSide.destroyed);
  expect([first.serverSide.destroyed, second.serverSide.destroyed]).toEqual([false, false]);
  first.socket.destroy();
  await waitFor('end of the first connection', () => first.serverSide.destroyed);
  const fourth = await refusedClient(server);
  fourth.socket.write(Buffer.alloc(1000));
  await waitFor('bytes of the fourth connection', () => fourth.serverSide.bytesRead > 1000);
  expect(fourth.serverSide.destroyed).toBe(false);
});

it('a drain cuts connections with unread bodies when its time is over', async () => {
  const { app, unreadBodies, ...server } = await refusingServer({});
  const { socket, serverSide } = await refusedClient(server);
  const timer = setInterval(() => socket.write('x'), 5);
  ends.push(() => clearInterval(timer));
  const stopping = {
    ...{ app, reportNotReady() {}, stopTakingRequests: () => unreadBodies.shortenIdleLimit() },
    closeSilentConnections() {},
  };
  await drain(stopping as unknown as HttpServer, {
    delayMs: 0,
    timeoutMs: 100,
    finishClaims: async () => undefined,
    sleep: async () => undefined,
  });
  expect(serverSide.destroyed).toBe(true);
});

it('a server that stops does not wait for a client that sends nothing more', async () => {
  const { app, unreadBodies, ...server } = await refusingServer({});
  const before = await refusedClient(server);
  unreadBodies.shortenIdleLimit();
  const after = await refusedClient(server);
  for (const { serverSide } of [before, after]) {
    await waitFor('end of the connection', () => serverSide.destroyed);
  }
});
