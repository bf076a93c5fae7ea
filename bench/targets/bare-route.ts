// SPDX-License-Identifier: GPL-3.0-or-later
/** The upper bound of any Fastify service: plain Fastify that returns the same bytes, without hooks and checks. */
import Fastify, { type FastifyReply } from 'fastify';
import { endOnSignal } from './built.ts';

const claimId = '01942f5c-7c1e-7a3b-9c55-2f6d1f0c9a11';
const claimedAt = '2030-01-31T18:00:00.123456Z';
const holders = Array.from({ length: 1000 }, (_, index) => `user-${10_000_000_000 + index}`);
let received = 0;

const texts = Object.fromEntries(['claim_id', 'coupon_name', 'user_id', 'claimed_at'].map(toText));
const claimSchema = {
  type: 'object',
  properties: { message: { type: 'string' }, ...texts, position: { type: 'integer' } },
};

function toText(name: string): [string, object] {
  return [name, { type: 'string' }];
}

type ClaimBody = { user_id: string; coupon_name: string };

const app = Fastify();

// Fastify's own parser decodes chunk by chunk, which is slower; an upper bound uses the faster way.
app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
  done(null, JSON.parse(body.toString()));
});

app.post<{ Body: ClaimBody }>(
  '/api/coupons/claim',
  { schema: { response: { 200: claimSchema } } },
  (request, reply) => {
    const { user_id, coupon_name } = request.body;
    setHeaders(reply);
    received += 1;
    if (coupon_name.startsWith('SOLD')) {
      reply.code(400).header('content-type', 'application/problem+json');
      reply.send(soldOutText);
      return;
    }
    const message = 'coupon claimed';
    const position = received;
    reply.send({
      message,
      claim_id: claimId,
      coupon_name,
      user_id,
      position,
      claimed_at: claimedAt,
    });
  },
);

app.get<{ Params: { name: string } }>('/api/coupons/:name', (request, reply) => {
  setHeaders(reply);
  reply.header('content-type', 'application/json; charset=utf-8');
  reply.send(request.params.name.startsWith('FULL') ? fullText : emptyText);
});

app.post('/api/coupons', async (_request, reply) => reply.code(201).send({}));

function setHeaders(reply: FastifyReply): void {
  reply.header('X-Content-Type-Options', 'nosniff');
  reply.header('Cache-Control', 'no-store');
}

const soldOutText = JSON.stringify({
  type: 'https://firstcome.example/errors#sold_out',
  title: 'Coupon out of stock',
  status: 400,
  detail: 'no stock available',
  instance: 'urn:request:AAAAAAAAAAAA-1a2b3',
  code: 'sold_out',
  error: 'coupon out of stock',
  effect: 'none',
});
const emptyText = couponText([]);
const fullText = couponText(holders);

function couponText(claimedBy: string[]): string {
  return JSON.stringify({
    name: 'EMPTY-1',
    amount: 2_000_000_000,
    remaining_amount: 2_000_000_000 - claimedBy.length,
    state: 'open',
    opens_at: null,
    closes_at: null,
    paused: false,
    archived: false,
    hold_seconds: null,
    claims_per_user_max: 3,
    saga: null,
    stock_low_at: null,
    title: null,
    description: null,
    pause_reason: null,
    claims_url: '/api/coupons/EMPTY-1/claims',
    claimed_by: claimedBy,
  });
}

process.stdout.write(`serves on ${await app.listen({ host: '127.0.0.1', port: 0 })}\n`);
endOnSignal();
