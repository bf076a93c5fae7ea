// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * A gateway in front of the service: it knows who the user is, and claims in that name. Claims of many users that arrive
 * while a request is under way go to the service together in the next one.
 *
 *     SERVICE_URL=http://127.0.0.1:8080 CLAIM_API_KEY=... node gateway.mjs
 */
import Fastify from 'fastify';
import { FirstcomeClient } from 'firstcome/client';

const client = new FirstcomeClient({
  url: process.env.SERVICE_URL ?? 'http://127.0.0.1:8080',
  key: process.env.CLAIM_API_KEY,
  coalesce: true,
  // Below the time that the callers of the gateway wait, so that they get an answer and not a closed connection.
  timeoutMs: 10_000,
});

const gateway = Fastify();

gateway.post('/coupons/:name/claim', async (request, reply) => {
  const user = userOf(request);
  if (user === undefined) return reply.code(401).send({ error: 'unauthorized' });
  const claim = { coupon_name: request.params.name, user_id: user };
  // The key of the caller travels on: a repeat at the gateway is a repeat at the service, and gets the same claim.
  const idempotencyKey = request.headers['idempotency-key'];
  const result = await client.claim(claim, { idempotencyKey });
  switch (result.outcome) {
    case 'claimed':
      return result.claim;
    case 'accepted':
      return reply.code(202).send(result.ticket);
    case 'unknown':
      // The user may have the claim. The same key gets the true outcome, now or later.
      reply.code(503).header('Retry-After', '1');
      return { error: 'unknown', idempotency_key: result.idempotency_key };
    case 'unauthorized':
    case 'forbidden':
      // The key of the gateway is wrong. That is no fault of its caller.
      process.stderr.write(`the service refuses the key: ${result.problem.detail}\n`);
      return reply.code(500).send({ error: 'internal' });
    case 'overloaded':
    case 'rate_limited':
    case 'unavailable':
      reply.header('Retry-After', '1');
      break;
    default:
  }
  // A true refusal, such as `sold_out` or `already_claimed`.
  return reply.code(result.status).send({ error: result.outcome, detail: result.problem.detail });
});

/** Put your own login here. Never trust a user that a browser names. */
function userOf({ headers }) {
  return headers['x-user'];
}

const address = await gateway.listen({ port: Number(process.env.PORT ?? 9400) });
process.stdout.write(`the gateway listens on ${address}\n`);

// Takes no new requests, and answers those that it has.
process.once('SIGTERM', () => void gateway.close());
