// SPDX-License-Identifier: GPL-3.0-or-later
import Fastify from 'fastify';
import { expect, it } from 'vitest';
import type { HttpApp } from './http-app.ts';
import { measureCalls } from './measure-calls.ts';

it('counts each call with its status but claims, which the engine counts, and event streams that were open', async () => {
  const app = Fastify() as unknown as HttpApp;
  const counted: unknown[] = [];
  measureCalls(app, ({ operation, status }) => counted.push([operation, status]));
  app.get('/coupon', { schema: { operationId: 'readCoupon' } }, async () => 'coupon');
  app.get('/claim', { schema: { operationId: 'claimCoupon' } }, async () => 'claim');
  app.get('/events', { schema: { operationId: 'streamStock' } }, (_request, reply) => {
    reply.hijack();
    reply.raw.end('events');
  });
  app.get('/refused', { schema: { operationId: 'streamStock' } }, (_request, reply) => {
    reply.code(503).send('too many');
  });
  const answers = [];
  for (const path of ['/coupon', '/claim', '/events', '/refused']) {
    answers.push((await app.inject(path)).statusCode);
  }
  expect(answers).toEqual([200, 200, 200, 503]);
  expect(counted).toEqual([
    ['readCoupon', 200],
    ['streamStock', 503],
  ]);
  await app.close();
});
