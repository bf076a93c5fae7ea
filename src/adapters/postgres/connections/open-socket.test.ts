// SPDX-License-Identifier: GPL-3.0-or-later
/** How connections find the addresses of the names in a URL, also while no DNS server answers. */
import dns from 'node:dns';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, expect, it, vi } from 'vitest';
import {
  createTemporaryFolder,
  removeTemporaryFolder,
} from '../../../../test/support/temporary-folder.ts';
import { connectionConfig } from './connection-config.ts';
import { openSocket } from './open-socket.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** Answers look-ups of names from now on, and returns the list of those names. */
function answerWith(answer: () => Promise<dns.LookupAddress[]>): string[] {
  const names: string[] = [];
  const lookUp = (name: string) => {
    names.push(name);
    return answer();
  };
  vi.spyOn(dns, 'lookup').mockImplementation(lookUp as never);
  vi.spyOn(dns.promises, 'lookup').mockImplementation(lookUp as never);
  return names;
}

const never = () => new Promise<never>(() => undefined);
const failing = (code: string) => () => Promise.reject(Object.assign(new Error(code), { code }));
const here = async () => [{ address: '127.0.0.1', family: 4 }];

/** Connects to a port, or rejects as the socket does. */
async function connectTo(host: string, port: number): Promise<void> {
  const socket = openSocket();
  try {
    socket.connect(port, host);
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}

async function listen() {
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

it('a name without an answer is looked up once at a time, so that it takes one thread', async () => {
  const names = answerWith(never);
  const config = connectionConfig('postgres://lost.example/sale', { name: 'firstcome' });
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const client = new pg.Client({ ...config, connectionTimeoutMillis: 1 });
    await expect(client.connect()).rejects.toThrow('timeout');
  }
  expect(names).toEqual(['lost.example']);
});

it.each([
  ['gives no answer', never],
  ['says that it cannot answer now', failing('EAI_AGAIN')],
])('a name keeps its last address while DNS %s', async (what, answer) => {
  const { port, close } = await listen();
  const host = `${what.replaceAll(' ', '-')}.example`;
  try {
    answerWith(here);
    await connectTo(host, port);
    const names = answerWith(answer);
    await connectTo(host, port);
    expect(names).toEqual([host]);
  } finally {
    close();
  }
});

it('a name that does not exist any more has no address', async () => {
  const { port, close } = await listen();
  try {
    answerWith(here);
    await connectTo('gone.example', port);
    answerWith(failing('ENOTFOUND'));
    await expect(connectTo('gone.example', port)).rejects.toThrow('ENOTFOUND');
  } finally {
    close();
  }
});

it('the path of a Unix socket is no name', async () => {
  const folder = await createTemporaryFolder('socket');
  const path = join(folder, '.s.PGSQL.5432');
  const server = createServer((socket) => socket.destroy()).listen(path);
  try {
    await once(server, 'listening');
    const names = answerWith(never);
    const socket = openSocket().connect(path);
    await once(socket, 'connect');
    socket.destroy();
    expect(names).toEqual([]);
  } finally {
    server.close();
    await removeTemporaryFolder(folder);
  }
});

it('a name leads to its new address as soon as DNS has it', async () => {
  const { port, close } = await listen();
  try {
    answerWith(async () => [{ address: '127.0.0.2', family: 4 }]);
    await expect(connectTo('moved.example', port)).rejects.toThrow('ECONNREFUSED');
    answerWith(here);
    await connectTo('moved.example', port);
  } finally {
    close();
  }
});
