// SPDX-License-Identifier: GPL-3.0-or-later
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { drain } from './drain.ts';
import type { HttpServer } from './server.ts';

const request = 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';

it('a request that arrived in time is answered although the process was paused until the time was over', async () => {
  const http = createServer((_, response) => response.end('answered'));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const client = connect((http.address() as AddressInfo).port, '127.0.0.1');
  let received = '';
  client.setEncoding('utf8').on('data', (text: string) => {
    received += text;
  });
  const closed = once(client, 'close');
  client.write(request);
  await once(client, 'data');
  received = '';

  const server = {
    ...{ reportNotReady() {}, stopTakingRequests() {}, closeSilentConnections() {} },
    app: { server: http, close() {} },
  };
  let sleeps = 0;
  await drain(server as unknown as HttpServer, {
    delayMs: 0,
    timeoutMs: 10_000,
    finishClaims: async () => undefined,
    async sleep() {
      sleeps += 1;
      await nextTurn();
      // The first sleep is before the port closes. At the end of the second the request has arrived and is not read.
      if (sleeps === 2) client.write(request);
    },
  });
  await closed;
  expect(sleeps).toBe(2);
  expect(received).toContain('answered');
});
