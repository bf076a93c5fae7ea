// SPDX-License-Identifier: GPL-3.0-or-later
/** Responses that are sent while the client still sends its body: real clients must receive them. */
import { describe, expect, it } from 'vitest';
import { useService } from '../support/contract-service.ts';
import {
  missingProgramOf,
  sendBytes,
  type Upload,
  type UploadClient,
  uploadClients,
} from '../support/upload-clients.ts';

const mebibyte = 1024 * 1024;
const adminKey = 'the-key-of-the-administrator';

/** Defines one test for each client. Without the program of a client it is skipped, with the reason in its name. */
function forEachClient(
  names: readonly string[],
  title: (name: string) => string,
  run: (send: UploadClient) => Promise<void>,
) {
  for (const name of names) {
    const missing = missingProgramOf(name);
    const reason = missing === undefined ? '' : ` (skipped: ${missing})`;
    const send = uploadClients[name] ?? sendBytes;
    it.skipIf(missing !== undefined)(title(name) + reason, () => run(send));
  }
}

describe('a body of 8 MiB where 16 KiB are allowed', () => {
  const service = useService();
  const count = 50;

  forEachClient(
    Object.keys(uploadClients),
    (name) => `a body of 8 MiB from ${name} is answered with 413, ${count} times of ${count}`,
    async (send) => {
      const url = `${service.client.url}/api/coupons/claim`;
      const answers = await send([{ url, method: 'POST', bytes: 8 * mebibyte }], count);
      expect(answers).toEqual([{ '413 application/problem+json body_too_large': count }]);
    },
  );
});

describe('a body of 4 MiB that no route reads', () => {
  const service = useService({ ADMIN_API_KEY: adminKey });
  const count = 5;
  const headers = { Authorization: `Bearer ${adminKey}` };

  type Case = { answer: string; method: string; path: string; headers?: Record<string, string> };
  const post = { method: 'POST', path: '/api/coupons' };
  const cases: Case[] = [
    { answer: '401 unauthorized', ...post },
    { answer: '403 cross_origin', ...post, headers: { Origin: 'https://other.example' } },
    { answer: '403 host_not_allowed', ...post, headers: { Host: 'other.example' } },
    { answer: '404 route_not_found', method: 'POST', path: '/nowhere' },
    { answer: '405 method_not_allowed', method: 'PUT', path: '/api/coupons' },
    { answer: '400 invalid_request', method: 'POST', path: '/api/coupons/%zz/stock' },
    { answer: '414 uri_too_long', method: 'GET', path: `/api/coupons/${'x'.repeat(5000)}` },
    { answer: '431 header_too_large', ...post, headers: { X: 'x'.repeat(20_000) } },
    { answer: '200 no code', method: 'GET', path: '/livez' },
    { answer: '200 no code', method: 'GET', path: '/api/coupons', headers },
    { answer: '404 coupon_not_found', method: 'GET', path: '/api/coupons/none' },
  ];

  for (const connection of ['keep-alive', 'close']) {
    forEachClient(
      ['Python with a length', 'node:http with chunks'],
      (name) =>
        `a body that no route reads gets its response from ${name} with Connection: ${connection}`,
      async (send) => {
        const uploads = cases.map(
          ({ method, path, headers = {} }): Upload => ({
            url: service.client.url + path,
            method,
            bytes: 4 * mebibyte,
            headers: { ...headers, Connection: connection },
          }),
        );
        const answers = await send(uploads, count);
        expect(answers).toEqual(cases.map(({ answer }) => ({ [withType(answer)]: count })));
      },
    );
  }

  it('a large body after an invalid head is answered with 400', async () => {
    const heads = [
      'Host: localhost\r\nHost: localhost\r\nContent-Length: 4194304\r\nConnection: close',
      'Content-Length: 4194304\r\nConnection: close',
      'Host: localhost\r\nContent-Length: many',
      'Host: localhost\r\nTransfer-Encoding: chunked',
    ].map((lines) => `POST /api/coupons/claim HTTP/1.1\r\n${lines}\r\n\r\n`);
    const { url } = service.client;
    const answers = await sendBytes(
      heads.map((head) => ({ url, method: 'POST', bytes: 4 * mebibyte, head })),
      count,
    );
    expect(answers).toEqual(heads.map(() => ({ [withType('400 invalid_request')]: count })));
  });
});

function withType(answer: string): string {
  const [status = '', ...code] = answer.split(' ');
  const type = status === '200' ? 'application/json' : 'application/problem+json';
  return `${status} ${type} ${code.join(' ')}`;
}
