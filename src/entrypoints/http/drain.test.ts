// SPDX-License-Identifier: GPL-3.0-or-later
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { type DrainOptions, drain } from './drain.ts';
import type { HttpServer } from './server.ts';

const request = 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';

const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** A server, and one client whose connection is idle after a first answer. */
async function setup() {
  const http = createServer((_, response) => response.end('answered'));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  const client = { socket, received: '', isClosed: false };
  socket.setEncoding('utf8').on('data', (text: string) => {
    client.received += text;
  });
  socket.on('close', () => {
    client.isClosed = true;
  });
  socket.write(request);
  await once(socket, 'data');
  client.received = '';
  const server = {
    ...{ reportNotReady() {}, stopTakingRequests() {}, closeSilentConnections() {} },
    app: { server: http, close() {} },
  };
  const drainServer = (options: Pick<DrainOptions, 'sleep'> & Partial<DrainOptions>) =>
    drain(server as unknown as HttpServer, {
      ...{ delayMs: 0, timeoutMs: 60_000, finishClaims: async () => undefined },
      ...options,
    });
  return { http, port, client, drainServer };
}

it('a request that arrives within 250 ms after the port has closed is answered, and then the connection ends', async () => {
  const clock = new FixedClock();
  const { http, client, drainServer } = await setup();
  let isDrained = false;
  const drained = drainServer({ sleep: (ms) => clock.sleep(ms) }).then(() => {
    isDrained = true;
  });
  await clock.advance(0);
  await waitFor('closed port', () => !http.listening);

  await clock.advance(249);
  client.socket.write(request);
  await waitFor('answer or end', () => client.received !== '' || client.isClosed);
  expect(client.received).toContain('answered');
  expect({ isClosed: client.isClosed, isDrained }).toEqual({ isClosed: false, isDrained: false });

  await clock.advance(1);
  await drained;
  await waitFor('end of the connection', () => client.isClosed);
});

it('the port refuses connections while late requests are still answered', async () => {
  const clock = new FixedClock();
  const { http, port, drainServer } = await setup();
  const drained = drainServer({ sleep: (ms) => clock.sleep(ms) });
  await clock.advance(0);
  await waitFor('closed port', () => !http.listening);

  const late = connect(port, '127.0.0.1');
  sockets.push(late);
  const [error] = await once(late, 'error');
  expect(error).toMatchObject({ code: 'ECONNREFUSED' });

  await clock.advance(250);
  await drained;
});

it('requests are served for another delayMs before the port closes', async () => {
  const clock = new FixedClock();
  const { http, client, drainServer } = await setup();
  const drained = drainServer({ delayMs: 3000, sleep: (ms) => clock.sleep(ms) });
  await clock.advance(2999);
  expect(http.listening).toBe(true);
  client.socket.write(request);
  await waitFor('answer or end', () => client.received !== '' || client.isClosed);
  expect(client.received).toContain('answered');

  await clock.advance(1);
  await waitFor('closed port', () => !http.listening);
  await clock.advance(250);
  await drained;
});

it('a shorter time for requests in hand also shortens the wait for late requests', async () => {
  const clock = new FixedClock();
  const { client, drainServer } = await setup();
  const slept: number[] = [];
  await drainServer({
    timeoutMs: 100,
    async sleep(ms) {
      slept.push(ms);
      const slumber = clock.sleep(ms);
      await clock.advance(ms);
      await slumber;
    },
  });
  expect(slept).toEqual([0, 100]);
  await waitFor('end of the connection', () => client.isClosed);
});

it('a request that arrived in time is answered although the process was paused until the time was over', async () => {
  const { client, drainServer } = await setup();
  let sleeps = 0;
  await drainServer({
    async sleep() {
      sleeps += 1;
      await flushPromises();
      // The first sleep is before the port closes. At the end of the second the request has arrived and is not read.
      if (sleeps === 2) client.socket.write(request);
    },
  });
  await waitFor('end of the connection', () => client.isClosed);
  expect(sleeps).toBe(2);
  expect(client.received).toContain('answered');
});

it('a request that arrives while another one is handled at the end of the time is answered', async () => {
  const { http, port, client, drainServer } = await setup();
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  await once(socket, 'connect');
  let received = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    received += text;
  });
  socket.write(request);
  await waitFor('first answer', () => received !== '');
  received = '';
  let sleeps = 0;
  await drainServer({
    async sleep() {
      sleeps += 1;
      await flushPromises();
      if (sleeps !== 2) return;
      // Sent in the turn of the event loop that has read the request of the other client.
      http.once('request', () => socket.write(request));
      client.socket.write(request);
    },
  });
  await waitFor('end of the connection', () => socket.closed);
  expect(received).toContain('answered');
});
