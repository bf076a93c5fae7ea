// SPDX-License-Identifier: GPL-3.0-or-later
/** The load of `load.lua` from autocannon, for machines without wrk. A process of its own; the order is its argument. */
import { createRequire } from 'node:module';
import type { LoadFigures, LoadOrder } from './load.ts';

type AutocannonResult = {
  duration: number;
  '2xx': number;
  non2xx: number;
  errors: number;
  latency: { p50: number; p90: number; p99: number; p99_9: number; max: number };
};

type AutocannonRequest = { body?: string };

// The package tells no types of its own.
const autocannon: (options: object) => Promise<AutocannonResult> = createRequire(import.meta.url)(
  'autocannon',
);

const order: LoadOrder = JSON.parse(process.argv[2] ?? '{}');
const modulus = 2_147_483_647;
const factor = 48_271;
let asked = 0;

function setupRequest(request: AutocannonRequest): AutocannonRequest {
  const count = asked;
  asked += 1;
  const number = order.firstUser + 1 + (order.kind === 'repeat' ? count >> 1 : count);
  const user = 10_000_000_000 + ((number * factor) % modulus);
  const coupon =
    order.kind === 'many'
      ? order.coupon + String(10_001 + Math.floor(Math.random() * order.coupons))
      : order.coupon;
  request.body = `{"user_id":"user-${user}","coupon_name":"${coupon}"}`;
  return request;
}

const result = await autocannon({
  url: order.url + order.path,
  connections: order.connections,
  duration: order.seconds,
  timeout: 30,
  ...(order.kind !== 'get' && {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    requests: [{ setupRequest }],
  }),
});

const figures: LoadFigures = {
  answers: result['2xx'] + result.non2xx,
  seconds: result.duration,
  not2xx: result.non2xx,
  lost: result.errors,
  p50Ms: result.latency.p50,
  p90Ms: result.latency.p90,
  p99Ms: result.latency.p99,
  p999Ms: result.latency.p99_9,
  maxMs: result.latency.max,
};
process.stdout.write(`RESULT ${JSON.stringify(figures)}\n`);
