// SPDX-License-Identifier: GPL-3.0-or-later
/** The page of the console: its files, and nothing else. What the page does is tested in a browser. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HttpServer } from '../../src/entrypoints/http/server.ts';
import { type Client, clientOf } from '../support/contract-client.ts';
import { expectProblem } from '../support/contract-problems.ts';
import { serverOver } from '../support/server-over.ts';

const page = '<!doctype html><title>the page</title>';
const script = `console.log(${JSON.stringify('ab'.repeat(2_000))});`;
const shop = 'https://shop.example';

let folder: string;
let server: HttpServer;
let client: Client;

async function serve(consoleFolder: string): Promise<HttpServer> {
  const started = await serverOver({}, { consoleFolder, corsOrigins: [shop] });
  await started.app.listen({ port: 0, host: '127.0.0.1' });
  return started;
}

const addressOf = ({ app }: HttpServer) =>
  `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firstcome-console-'));
  const built = join(folder, 'console');
  await mkdir(join(built, 'assets'), { recursive: true });
  await writeFile(join(folder, 'secret.js'), 'secret');
  await symlink(join(folder, 'secret.js'), join(built, 'assets/link.js'));
  for (const [name, text] of Object.entries({
    ...{ 'index.html': page, 'licences.md': '# Licences', 'notes.txt': 'no page needs it' },
    ...{ 'assets/index-Ab1.js': script, 'assets/index-Cd2.css': 'p {}' },
    'assets/icon-Ef3.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>',
  })) {
    await writeFile(join(built, name), text);
  }
  server = await serve(built);
  client = clientOf(addressOf(server));
});

afterAll(async () => {
  client.close();
  await server.app.close();
  await rm(folder, { recursive: true });
});

const paths = {
  page: ['/console', '/console/', '/console/sale?name=a%2Fb', '/console/operations/webhooks'],
  assets: ['/console/assets/index-Ab1.js', '/console/assets/index-Cd2.css'],
};

describe('the page of the console', () => {
  it.each([...paths.page, '/console/sale/%2e%2ee', '/console/asset', '/console/notes.txt'])(
    'comes at %s',
    async (path) => {
      const answer = await client.get(path);
      expect([answer.status, answer.text]).toEqual([200, page]);
      expect(answer.headers).toMatchObject({
        ...{ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' },
      });
    },
  );

  it.each([
    ['/console/assets/index-Ab1.js', 'text/javascript; charset=utf-8', script],
    ['/console/assets/index-Cd2.css', 'text/css; charset=utf-8', 'p {}'],
    ['/console/assets/icon-Ef3.svg', 'image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg"/>'],
  ])('has the file %s, which browsers keep for a year', async (path, type, text) => {
    const answer = await client.get(path);
    expect([answer.status, answer.text]).toEqual([200, text]);
    expect(answer.headers).toMatchObject({
      ...{ 'content-type': type, 'cache-control': 'public, max-age=31536000, immutable' },
      'content-length': String(text.length),
    });
  });

  it('comes with the licences of what it is made of', async () => {
    const answer = await client.get('/console/licences.md');
    expect([answer.status, answer.text]).toEqual([200, '# Licences']);
    expect(answer.headers['cache-control']).toBe('no-cache');
  });

  it.each([
    ...['/console/assets/none.js', '/console/assets/', '/console/assets/index-Ab1.js/x'],
    ...['/console/assets/../index.html', '/console/assets/..%2findex.html'],
    ...['/console/assets/..%2f..%2fsecret.js', '/console/assets/%2e%2e/%2e%2e/secret.js'],
    ...['/console/assets/..%5c..%5csecret.js', '/console/../secret.js', '/console/..'],
    ...['/console/%2e%2e/secret.js', '/console//', '/console/sale//', '/console/sale/.'],
    ...['/console/assets/link.js', '/console/assets/constructor', '/consoles', '/Console'],
    '/console/assets/%00index-Ab1.js',
  ])('has nothing at %s', async (path) => {
    const answer = await client.get(path);
    expectProblem(answer, 'route_not_found');
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it.each([
    '/console/..%2f..%2fsecret.js',
    '/console/..%5c..%5csecret.js',
    '/console/%252e%252e/secret.js',
  ])('is all that %s leads to', async (path) => {
    expect((await client.get(path)).text).toBe(page);
  });

  it.each([...paths.page, ...paths.assets])(
    'lets the browser load and do nothing else (%s)',
    async (path) => {
      const { headers } = await client.get(path);
      expect(headers).toMatchObject({
        'content-security-policy':
          "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ...{ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' },
        ...{ 'cross-origin-opener-policy': 'same-origin', 'x-frame-options': 'DENY' },
      });
      expect(headers).not.toHaveProperty('set-cookie');
    },
  );

  it.each(['/console', '/console/assets/index-Ab1.js'])(
    '%s is not sent again to a client that has it',
    async (path) => {
      const { etag = '' } = (await client.get(path)).headers;
      expect(etag).toMatch(/^W\/"[\w-]{22}"$/);
      for (const known of [etag, etag.slice(2), `"other", ${etag}`, '*']) {
        const answer = await client.get(path, { 'If-None-Match': known });
        expect([known, answer.status, answer.text]).toEqual([known, 304, '']);
        expect(answer.headers).toMatchObject({ etag, vary: 'Origin, Accept-Encoding' });
        expect(answer.headers['cache-control']).not.toBe('no-store');
        expect(answer.headers).not.toHaveProperty('content-type');
        expect(answer.headers).not.toHaveProperty('content-length');
      }
      for (const other of ['"other"', '', 'W/""', etag.slice(0, -2)]) {
        expect((await client.get(path, { 'If-None-Match': other })).status, other).toBe(200);
      }
    },
  );

  it.each([
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip', 'gzip'],
    ['*', 'br'],
    ['br;q=0, gzip;q=0.5', 'gzip'],
    ['br;q=0, *', 'gzip'],
    ['identity', null],
    ['deflate, zstd', null],
    ['', null],
  ])('is encoded for a client that accepts "%s" as %s', async (accepted, encoding) => {
    for (const path of ['/console/sale', '/console/assets/index-Ab1.js']) {
      const answer = await fetch(addressOf(server) + path, {
        headers: { 'Accept-Encoding': accepted },
      });
      expect(answer.headers.get('content-encoding')).toBe(encoding);
      expect(answer.headers.get('vary')).toBe('Origin, Accept-Encoding');
      // Decoded by the client.
      expect(await answer.text()).toBe(path.endsWith('.js') ? script : page);
    }
  });

  it('is smaller when it is encoded', async () => {
    for (const encoding of ['br', 'gzip']) {
      const headers = { 'Accept-Encoding': encoding };
      const answer = await client.get('/console/assets/index-Ab1.js', headers);
      expect(Number(answer.headers['content-length'])).toBeLessThan(script.length / 10);
    }
  });

  it.each([...paths.page, ...paths.assets])('answers HEAD of %s as GET', async (path) => {
    for (const encoding of ['', 'br']) {
      const headers = { 'Accept-Encoding': encoding };
      const get = await client.get(path, headers);
      const head = await client.call({ method: 'HEAD', path, headers });
      expect([head.status, head.text]).toEqual([200, '']);
      const { date: _, ...expected } = get.headers;
      expect(head.headers).toMatchObject(expected);
    }
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])('takes no %s', async (method) => {
    for (const path of ['/console', '/console/sale', '/console/assets/index-Ab1.js']) {
      const answer = await client.call({ method, path, ...(method !== 'DELETE' && { body: {} }) });
      expectProblem(answer, 'method_not_allowed');
      expect(answer.headers.allow).toBe('GET, HEAD');
    }
  });

  it('is served until the service takes no more requests', async () => {
    const other = await serve(join(folder, 'console'));
    try {
      other.reportNotReady();
      expect((await fetch(`${addressOf(other)}/console`)).status).toBe(200);
      other.stopTakingRequests();
      const refused = await fetch(`${addressOf(other)}/console`);
      expect(refused.status).toBe(503);
      expect(refused.headers.get('cache-control')).toBe('no-store');
    } finally {
      await other.app.close();
    }
  });

  it('is not served when it was not built, and the answer says how to build it', async () => {
    const other = await serve(join(folder, 'none'));
    try {
      for (const path of ['/console', '/console/sale']) {
        const answer = await fetch(addressOf(other) + path);
        expect(answer.status).toBe(404);
        expect(((await answer.json()) as { detail: string }).detail).toContain('npm run build');
      }
      expect((await fetch(`${addressOf(other)}/console/assets/a.js`)).status).toBe(404);
    } finally {
      await other.app.close();
    }
  });
});
