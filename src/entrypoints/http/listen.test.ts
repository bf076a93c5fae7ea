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

/** Ports that were free a moment ago. Another program may have taken one since, but hardly all. */
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
  'a taken port of %s is reported and a free one is not',
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

// An address reserved for documentation, and a name that is invalid without a DNS query.
it.each(['203.0.113.7', 'no..host'])(
  'the host %s is reported as no address of this machine',
  async (host) => {
    await expect(assertCanListen({ host, port: 8080 })).rejects.toMatchObject({
      message: expect.stringContaining(`${host} is no address of this machine`),
    });
  },
);

it('the check of a port accepts no connection', async () => {
  const ports = await freePorts();
  const listen = vi.spyOn(Server.prototype, 'listen');
  expect(await canListenOnOne('127.0.0.1', ports)).toBe(true);
  expect(listen).not.toHaveBeenCalled();
});
