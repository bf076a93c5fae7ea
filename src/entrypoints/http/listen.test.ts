// SPDX-License-Identifier: GPL-3.0-or-later
import { once } from 'node:events';
import { createServer, Server } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { assertCanListen } from './listen.ts';

const taken = createServer();

async function takePort(): Promise<number> {
  taken.listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

afterEach(() => {
  vi.restoreAllMocks();
  taken.close();
});

it.each(['127.0.0.1', '0.0.0.0', 'localhost'])(
  'a port of %s that is taken is told, and one that is free is not',
  async (host) => {
    const port = await takePort();
    await expect(assertCanListen({ host, port })).rejects.toMatchObject({
      name: 'StartError',
      message: expect.stringContaining(`port ${port} on ${host} is in use`),
    });
    taken.close();
    await once(taken, 'close');
    await expect(assertCanListen({ host, port })).resolves.toBeUndefined();
  },
);

it.each(['203.0.113.7', 'no-such-host.invalid'])(
  '%s is no address of this machine',
  async (host) => {
    await expect(assertCanListen({ host, port: 8080 })).rejects.toMatchObject({
      message: expect.stringContaining(`${host} is no address of this machine`),
    });
  },
);

it('nobody is let in by the question, only to be cut off', async () => {
  const port = await takePort();
  taken.close();
  await once(taken, 'close');
  const listen = vi.spyOn(Server.prototype, 'listen');
  await assertCanListen({ host: '127.0.0.1', port });
  expect(listen).not.toHaveBeenCalled();
});
