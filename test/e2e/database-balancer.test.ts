// SPDX-License-Identifier: GPL-3.0-or-later
/** The shipped HAProxy configuration for a cluster under Patroni, with servers that only send their names. */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startDatabaseBalancer } from '../support/database-balancer.ts';
import { findHaproxy } from '../support/haproxy.ts';
import { waitFor } from '../support/wait-for.ts';

const haproxy = findHaproxy();
if (haproxy === undefined) {
  if (process.env.CI) throw new Error('haproxy is not installed, and CI must not do without it');
  process.stderr.write('The balancer of a cluster is not tested: haproxy is not installed.\n');
}

/** A server with its Patroni. */
type Member = { name: string; isPrimary: boolean; port: number; restPort: number };

const members: Member[] = [];
const servers: Server[] = [];
const sockets = new Set<Socket>();
let balancer: Awaited<ReturnType<typeof startDatabaseBalancer>>;

async function listen(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

beforeAll(async () => {
  if (haproxy === undefined) return;
  for (const name of ['one', 'two', 'three']) {
    const member: Member = { name, isPrimary: false, port: 0, restPort: 0 };
    const greet = (socket: Socket) => {
      socket.on('error', () => undefined);
      socket.write(name);
    };
    // As `GET /primary` of Patroni.
    const patroni = createHttpServer(({ url }, response) => {
      response.writeHead(url === '/primary' && member.isPrimary ? 200 : 503).end();
    });
    member.port = await listen(createServer(greet));
    member.restPort = await listen(patroni);
    members.push(member);
  }
  balancer = await startDatabaseBalancer(haproxy, members);
});

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
});

afterAll(async () => {
  await balancer?.stop();
  for (const server of servers) server.close();
});

/** A connection through the balancer, and the name of its server; undefined when it leads to none. */
async function connected(): Promise<{ socket: Socket; name: string | undefined }> {
  const socket = connect(balancer.port, '127.0.0.1');
  sockets.add(socket);
  socket.on('error', () => undefined);
  const name = await Promise.race([
    once(socket, 'data').then(([data]) => String(data)),
    once(socket, 'close').then(() => undefined),
  ]);
  return { socket, name };
}

const leadsTo = (name: string) =>
  waitFor(`connection to ${name}`, async () => (await connected()).name === name);

function setPrimary(...names: string[]): void {
  for (const member of members) member.isPrimary = names.includes(member.name);
}

describe.skipIf(haproxy === undefined)('the balancer of a cluster', () => {
  it('leads to the primary, and to the next one after a failover', async () => {
    setPrimary('two');
    await leadsTo('two');
    setPrimary('three');
    await leadsTo('three');
  });

  it('ends the connections to a server that is the primary no longer', async () => {
    setPrimary('one');
    await leadsTo('one');
    const { socket, name } = await connected();
    expect(name).toBe('one');
    const closed = once(socket, 'close');
    setPrimary();
    await closed;
  });

  it('leads nowhere while there is no primary', async () => {
    setPrimary();
    await waitFor('refusal', async () => (await connected()).name === undefined);
  });
});
