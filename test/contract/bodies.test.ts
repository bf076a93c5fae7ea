// SPDX-License-Identifier: GPL-3.0-or-later
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { parseAnswer } from '../support/contract-client.ts';
import { expectInvalid, expectProblem } from '../support/contract-problems.ts';
import { newName, pathOf, useService } from '../support/contract-service.ts';

const bodyBytesMax = 16 * 1024;

describe('a body', () => {
  const service = useService();
  const create = (body: unknown, headers = {}) =>
    service.client.post('/api/coupons', body, headers);

  it.each([
    ...['application/json', 'text/plain', 'application/x-www-form-urlencoded', 'text/html'],
    ...['application/json; charset=utf-16', 'APPLICATION/JSON', 'application/vnd.api+json'],
    ...['multipart/form-data; boundary=x', 'json', '/', ';;;', 'application/', '*/*', '\u00e9', ''],
  ])('a body with the Content-Type "%s" is read as JSON', async (type) => {
    const name = newName();
    const headers = { 'Content-Type': type };
    expect((await create({ name, amount: 2 }, headers)).status).toBe(201);
    const claim = { user_id: 'ada', coupon_name: name };
    expect((await service.client.post('/api/coupons/claim', claim, headers)).status).toBe(200);
    expect((await service.client.patch(pathOf(name), { paused: true }, headers)).status).toBe(200);
    const stock = await service.client.post(pathOf(name, 'stock'), { add: 1 }, headers);
    expect(stock.status).toBe(200);
  });

  it('a body without a Content-Type is read as JSON', async () => {
    const body = JSON.stringify({ name: newName(), amount: 1 });
    const bytes = await service.client.raw(
      `POST /api/coupons HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n` +
        `Content-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(parseAnswer(bytes).status, bytes).toBe(201);
  });

  it('a body in chunks is read', async () => {
    const body = JSON.stringify({ name: newName(), amount: 1 });
    const bytes = await service.client.raw(
      `POST /api/coupons HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n` +
        `3\r\n${body.slice(0, 3)}\r\n${(body.length - 3).toString(16)}\r\n${body.slice(3)}\r\n0\r\n\r\n`,
    );
    expect(parseAnswer(bytes).status, bytes).toBe(201);
  });

  it('white space, escapes and the order of members do not matter in a body', async () => {
    const name = newName();
    const answer = await create(` \r\n\t{ "amount" : 1 , "n\\u0061me" : "${name}" }\n `);
    expect(answer.status).toBe(201);
    expect(answer.json.name).toBe(name);
  });

  const valid = '{"name":"n","amount":1}';
  const routes = [
    ['POST', '/api/coupons'],
    ['POST', '/api/coupons/claim'],
    ['PATCH', '/api/coupons/some'],
    ['POST', '/api/coupons/some/stock'],
  ] as const;
  it.each([
    ['empty', ''],
    ['white space', ' \n'],
    ['cut off', valid.slice(0, -1)],
    ['followed by garbage', `${valid}x`],
    ['followed by another object', valid + valid],
    ['preceded by garbage', `x${valid}`],
    ['a form', 'name=n&amount=1'],
    ['in single quotes', "{'name':'n','amount':1}"],
    ['without quotes', '{name:"n",amount:1}'],
    ['with a trailing comma', '{"name":"n","amount":1,}'],
    ['with a comment', '{"name":"n",/**/"amount":1}'],
    ['with NaN', '{"name":"n","amount":NaN}'],
    ['with a hexadecimal number', '{"name":"n","amount":0x10}'],
    ['with a leading zero', '{"name":"n","amount":01}'],
    ['with a raw newline in a text', '{"name":"a\nb","amount":1}'],
    ['with a bad escape', '{"name":"\\x41","amount":1}'],
    ['NUL', '\0'],
    ['XML', '<coupon/>'],
    ['UTF-16', Buffer.from(valid, 'utf16le')],
    ['an array', `[${valid}]`],
    ['null', 'null'],
    ['a number', '5'],
    ['a text', '"name"'],
    ['true', 'true'],
  ])('a body that is %s is 400 on every route and stores nothing', async (_what, body) => {
    const before = await service.storedCounts();
    for (const [method, path] of routes) {
      expectInvalid(await service.client.call({ method, path, body }), 'body');
    }
    expect(await service.storedCounts()).toEqual(before);
  });

  it('a missing body is 400 on every route', async () => {
    for (const [method, path] of routes) {
      expectInvalid(await service.client.call({ method, path }), 'body');
      const bytes = await service.client.raw(
        `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
      );
      expectInvalid(parseAnswer(bytes), 'body');
    }
  });

  it.each([
    '{"name":"n","amount":1,"__proto__":{"amount":5}}',
    '{"name":"n","amount":1,"__proto__":null}',
    '{"name":"n","amount":1,"\\u005f_proto__":{}}',
    '{"name":"n","amount":1,"\\u005F\\u005fproto\\u005f\\u005F":1}',
    '{"name":"n","amount":1,"\\u005f\\u005f\\u0070\\u0072\\u006f\\u0074\\u006f\\u005f\\u005f":1}',
    '{"name":"n","amount":1,"__proto__" : {}}',
    '{"name":"n","amount":1,"x":{"y":[{"__proto__":{}}]}}',
    '{"name":"n","amount":1,"constructor":{"prototype":{"amount":5}}}',
    '{"name":"n","amount":1,"\\u0063onstructor":{"prototyp\\u0065":{}}}',
    '{"name":"n","amount":1,"x":[{"constructor":{"prototype":null}}]}',
  ])('a body that would change a prototype is 400: %s', async (body) => {
    const before = await service.storedCounts();
    expectInvalid(await create(body), 'body');
    expect(await service.storedCounts()).toEqual(before);
  });

  it('__proto__, constructor and prototype are accepted where they change no prototype', async () => {
    for (const name of ['__proto__', 'constructor', 'prototype', '"__proto__":']) {
      expect((await create({ name, amount: 1 })).status).toBe(201);
      const claim = { user_id: '__proto__', coupon_name: name, prototype: 1, constructor: 'x' };
      expect((await service.client.post('/api/coupons/claim', claim)).status).toBe(200);
      expect((await service.client.get(pathOf(name))).json).toMatchObject({
        ...{ name, claimed_by: ['__proto__'] },
      });
    }
    expect(({} as Record<string, unknown>).amount).toBeUndefined();
  });

  it.each([
    ['a byte that begins nothing', [0xff]],
    ['a character cut short', [0xe2, 0x82]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a code point beyond Unicode', [0xf4, 0x90, 0x80, 0x80]],
    ['Latin-1', [0xe9]],
  ])('a body that is not UTF-8 is 400: %s', async (_what, bytes) => {
    const before = await service.storedCounts();
    const body = Buffer.concat([
      Buffer.from('{"name":"'),
      Buffer.from(bytes),
      Buffer.from('","amount":1}'),
    ]);
    expectInvalid(await create(body), 'body');
    expect(await service.storedCounts()).toEqual(before);
  });

  it.each(['gzip', 'deflate', 'br', 'identity, gzip', 'nonsense'])(
    'a body with Content-Encoding %s is 400, compressed or not',
    async (encoding) => {
      const headers = { 'Content-Encoding': encoding };
      expectInvalid(await create(gzipSync(valid), headers), 'body');
      expectInvalid(await create(valid, headers), 'body');
    },
  );

  it.each(['identity', 'Identity'])(
    'a body with Content-Encoding %s is read as plain JSON',
    async (encoding) => {
      const answer = await create({ name: newName(), amount: 1 }, { 'Content-Encoding': encoding });
      expect(answer.status).toBe(201);
    },
  );

  it('a body of 16 KiB is accepted and one more byte is 413, with a length or in chunks', async () => {
    const padded = (name: string, bytes: number) => {
      const [head, tail] = [`{"name":"${name}","amount":1`, '}'];
      return head + ' '.repeat(bytes - head.length - tail.length) + tail;
    };
    for (const headers of [{}, { 'Transfer-Encoding': 'chunked', 'Content-Length': undefined }]) {
      expect((await create(padded(newName(), bodyBytesMax), headers)).status).toBe(201);
      const before = await service.storedCounts();
      expectProblem(await create(padded(newName(), bodyBytesMax + 1), headers), 'body_too_large');
      expect(await service.storedCounts()).toEqual(before);
    }
  });

  it('a body that is announced as too large is refused before it is sent', async () => {
    const bytes = await service.client.raw(
      'POST /api/coupons/claim HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n',
    );
    expectProblem(parseAnswer(bytes), 'body_too_large');
  });

  it('a body may be nested eight levels deep and not nine', async () => {
    const coupon = await service.createCoupon();
    const claim = (x: string) =>
      service.client.post(
        '/api/coupons/claim',
        `{"user_id":"a","coupon_name":"${coupon}","x":${x}}`,
      );
    const nested = (depth: number) => '['.repeat(depth - 1) + ']'.repeat(depth - 1);
    expect((await claim(nested(8))).status).toBe(200);
    expectInvalid(await claim(nested(9)), 'body');
    const objects = `${'{"a":'.repeat(9)}1${'}'.repeat(9)}`;
    expectInvalid(await create(objects), 'body');
  });

  it('a body with thousands of nested levels is 400 like any other', async () => {
    const arrays = '['.repeat(bodyBytesMax / 2) + ']'.repeat(bodyBytesMax / 2);
    expectInvalid(await create(arrays), 'body');
    expectInvalid(await create('['.repeat(bodyBytesMax)), 'body');
    const objects = `${'{"":'.repeat(3000)}1${'}'.repeat(3000)}`;
    expectInvalid(await create(objects), 'body');
  });

  it.each([
    ['{"name":"n","amount":1,"name":"m"}', 'name'],
    ['{"name":"n","amount":1,"na\\u006de":"m"}', 'name'],
    ['{"\\u006e\\u0061me":"n","name":"m","amount":1}', 'name'],
    ['{"name":"n","amount":1,"amount":1}', 'amount'],
    ['{"name":"n","amount":1,"x":{"a":1,"a":2}}', 'a'],
    ['{"name":"n","amount":1,"x":[[{"a":{},"b":1,"a":{}}]]}', 'a'],
    ['{"name":{"a":1,"b":2},"amount":1,"name":"n"}', 'name'],
    ['{"name":"n","amount":1, "opens_at" :null,\n"opens_at"\t: null}', 'opens_at'],
    ['{"add":1,"add":2}', 'add'],
    ['{"paused":true,"paused":false}', 'paused'],
    ['{"a\\"b":1,"a\\u0022b":2}', 'a"b'],
    ['{"":1,"":2}', 'body'],
  ])('a body that repeats a member is 400 on every route: %s', async (body, field) => {
    const before = await service.storedCounts();
    for (const [method, path] of routes) {
      const answer = await service.client.call({ method, path, body });
      expectInvalid(answer, field);
      expect(answer.json.error).toMatch(/ must not (?:be repeated|repeat the member)/);
    }
    expect(await service.storedCounts()).toEqual(before);
  });

  it('a body may use the same member in different objects, and colons, braces and quotes in strings', async () => {
    const coupon = await service.createCoupon({ name: 'a":{"a\\":1,"a\\":2}' });
    const claim = { user_id: '{"x":1,"x":2}:\\', coupon_name: coupon };
    const more = { x: [{ a: 1 }, { a: 1, user_id: { a: 1 } }], y: { x: ':', coupon_name: '"' } };
    const answer = await service.client.post('/api/coupons/claim', { ...claim, ...more });
    expect(answer.status, answer.text).toBe(200);
    expect(answer.json).toMatchObject(claim);
  });

  it('the body of a GET request is ignored', async () => {
    const name = await service.createCoupon();
    for (const body of ['garbage', '{"__proto__":1}']) {
      const answer = await service.client.call({ method: 'GET', path: pathOf(name), body });
      expect(answer.status).toBe(200);
    }
  });
});
