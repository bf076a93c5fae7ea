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

/** Ports that were free a moment ago. Anybody may have taken one of them since, but hardly all. */
async function freePorts(): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < 10) {
    ports.push(await takePort());
    taken.close();
    await once(taken, 'close');
  }
  return ports;
}

async function canListenOnOne(host: string, ports: number[]): Promise<boolean> {
  for (const port of ports) {
    const failure = await assertCanListen({ host, port }).catch((error: unknown) => error);
    if (failure === undefined) return true;
  }
  return false;
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
    expect(await canListenOnOne(host, await freePorts())).toBe(true);
  },
);

// An address for documentation, and a name of which no server needs to be asked whether there is such a host.
it.each(['203.0.113.7', 'no..host'])('%s is no address of this machine', async (host) => {
  await expect(assertCanListen({ host, port: 8080 })).rejects.toMatchObject({
    message: expect.stringContaining(`${host} is no address of this machine`),
  });
});

it('nobody is let in by the question, only to be cut off', async () => {
  const ports = await freePorts();
  const listen = vi.spyOn(Server.prototype, 'listen');
  expect(await canListenOnOne('127.0.0.1', ports)).toBe(true);
  expect(listen).not.toHaveBeenCalled();
});
