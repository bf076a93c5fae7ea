// SPDX-License-Identifier: GPL-3.0-or-later
/** `firstcome consume`: a process that decides the claims that others have queued. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { clientOf } from '../support/contract-client.ts';
import { expectProblem } from '../support/contract-problems.ts';
import { ContractService, pathOf, until } from '../support/contract-service.ts';
import { untilCounted } from '../support/outcome-history.ts';
import { sharedRabbitMq } from '../support/rabbitmq-shared.ts';
import { patience } from '../support/service.ts';
import { endServiceProcesses, launch, runToEnd } from '../support/service-process.ts';
import { createTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const server = sharedRabbitMq();

afterEach(endServiceProcesses);

describe.skipIf(server === undefined)('firstcome consume', () => {
  const service = new ContractService();
  let env: Record<string, string>;
  beforeAll(async () => {
    service.database = await createTestDatabase();
    env = {
      ...{ ...patience, DATABASE_URL: service.database.url },
      AMQP_URL: await (server as NonNullable<typeof server>).createVirtualHost(),
    };
    await service.start({ ...env, CLAIM_MODE: 'queued', CONSUME_CLAIMS: 'false' });
  });
  afterAll(async () => {
    await service.stop();
    await service.database?.drop();
  });

  it('decides what a service has queued, serves health and metrics alone, and stops in order', async () => {
    const coupon = await service.createCoupon();
    const body = { user_id: 'ada', coupon_name: coupon };
    const answer = await service.client.post('/api/coupons/claim', body, {
      Prefer: 'respond-async',
    });
    expect(answer.status, answer.text).toBe(202);
    const consumer = launch(env, ['consume']);
    const ticket = await until(
      () => service.client.get(`/api/tickets/${answer.json.ticket_id}`),
      ({ json }) => json.state !== 'accepted',
    );
    expect(ticket.json).toMatchObject({ state: 'decided', result: { status: 200, position: 1 } });
    const url = await waitFor(
      'address of the process',
      () => /health and metrics on (http:\S+)/.exec(consumer.output())?.[1],
    );
    const client = clientOf(url);
    for (const path of ['/health', '/readyz', '/livez', '/metrics']) {
      expect((await client.get(path)).status, path).toBe(200);
    }
    for (const path of ['/api/coupons', pathOf(coupon), '/docs', '/openapi.json']) {
      expectProblem(await client.get(path), 'route_not_found');
    }
    expectProblem(await client.claim('bob', coupon), 'route_not_found');
    client.close();
    consumer.signal('SIGTERM');
    expect(await consumer.ended()).toEqual({ code: 0, signal: null });
    expect(consumer.output()).toContain('stopping: finishing claims in hand');
  });

  it('counts its decisions as outcomes, each claim once, also where a request waits for it', async () => {
    const coupon = await service.createCoupon({ amount: 2 });
    const consumer = launch(env, ['consume']);
    const claim = async (user: string, status: number, prefer: string) => {
      const body = { user_id: user, coupon_name: coupon };
      const answer = await service.client.post('/api/coupons/claim', body, { Prefer: prefer });
      expect(answer.status, answer.text).toBe(status);
      return answer.json;
    };
    const [ticket, waiting] = ['respond-async', 'wait=20'] as const;
    await claim('ada', 202, ticket);
    await claim('bob', 200, waiting);
    await claim('bob', 409, waiting);
    const { ticket_id: last } = await claim('cy', 202, ticket);
    await until(
      () => service.client.get(`/api/tickets/${last}`),
      ({ json }) => json.state !== 'accepted',
    );
    await claim('dot', 400, waiting);
    consumer.signal('SIGTERM');
    await consumer.ended();
    const { seconds } = await untilCounted(service, coupon, {
      ...{ accepted: 2, claimed: 2, already_claimed: 1, sold_out: 2 },
    });
    const isTimed = (second: { p99_ms: number | null }) => second.p99_ms !== null;
    expect(seconds.filter(isTimed)).not.toEqual([]);
  });

  it.each(['AMQP_URL', 'DATABASE_URL'])('needs %s', async (variable) => {
    const { code, output } = await runToEnd({ ...env, [variable]: '' }, ['consume']);
    expect(code).toBe(1);
    expect(output).toContain(`firstcome: ${variable} is not set`);
  });
});
