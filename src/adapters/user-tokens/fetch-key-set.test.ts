// SPDX-License-Identifier: GPL-3.0-or-later
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fetchKeySet } from './fetch-key-set.ts';

const answers: Record<string, (response: http.ServerResponse) => void> = {
  '/keys': (response) => response.end('{"keys":[]}'),
  '/moved': (response) => response.writeHead(302, { Location: '/keys' }).end(),
  '/missing': (response) => response.writeHead(404).end('{"keys":[]}'),
  '/large': (response) => response.end('x'.repeat(1001)),
  '/endless': (response) => {
    const timer = setInterval(() => response.write('x'.repeat(500)), 1);
    response.on('close', () => clearInterval(timer));
  },
  '/silent': () => undefined,
  '/half': (response) => response.write('{"keys"'),
};
const server = http.createServer((request, response) => answers[request.url ?? '']?.(response));
let base: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const fetchFrom = (path: string, timeoutMs = 20_000, stopping = new AbortController().signal) =>
  fetchKeySet(base + path, { timeoutMs, bytesMax: 1000, stopping });

it('returns the text of a response', async () => {
  expect(await fetchFrom('/keys')).toBe('{"keys":[]}');
});

it.each([
  ['/moved', 'the response has the status 302'],
  ['/missing', 'the response has the status 404'],
  ['/large', 'the response is larger than 1000 bytes'],
  ['/endless', 'the response is larger than 1000 bytes'],
])('rejects %s', async (path, message) => {
  await expect(fetchFrom(path)).rejects.toThrow(message);
});

it.each(['/silent', '/half'])('rejects %s when the time is over', async (path) => {
  await expect(fetchFrom(path, 50)).rejects.toThrow('no whole response within 50 ms');
});

it('says why no connection could be opened', async () => {
  const limits = { timeoutMs: 20_000, bytesMax: 1000, stopping: new AbortController().signal };
  await expect(fetchKeySet('http://127.0.0.1:1/keys', limits)).rejects.toThrow(
    /bad port|ECONNREFUSED/,
  );
});

it('ends with the service', async () => {
  const stopping = new AbortController();
  const fetched = fetchFrom('/silent', 20_000, stopping.signal);
  stopping.abort();
  await expect(fetched).rejects.toThrow(/abort/);
});
