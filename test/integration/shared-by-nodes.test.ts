// SPDX-License-Identifier: GPL-3.0-or-later
/** Two services that share Redis: what one finds helps the other, and without Redis both go on. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { clientOf } from '../support/contract-client.ts';
import { ContractService, newName } from '../support/contract-service.ts';
import { hasRedis, type RedisServer, startRedis } from '../support/redis-server.ts';
import { patience, startService } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

describe.skipIf(!(await hasRedis()))('two services that share Redis', () => {
  let redis: RedisServer;
  let database: TestDatabase;
  const nodes: ContractService[] = [];
  const stops: (() => Promise<void>)[] = [];

  async function startNode(env: Record<string, string> = {}): Promise<ContractService> {
    const node = Object.assign(new ContractService(), { database });
    node.app = await startService({
      ...{ ...patience, DATABASE_URL: database.url, REDIS_URL: redis.url, LOG_LEVEL: 'error' },
      ...env,
    });
    node.client = clientOf(node.app.url);
    return node;
  }
  const node = (index: number) => nodes[index] as ContractService;

  async function metric({ app }: { app: App }, name: string): Promise<number> {
    const text = await (await fetch(`${app.url}/metrics`)).text();
    const line = text.split('\n').find((one) => one.startsWith(`${name} `)) ?? '';
    return Number(line.slice(name.length));
  }
  const isUp = (one: ContractService) =>
    waitFor('Redis', async () => (await metric(one, 'firstcome_redis_up')) === 1);
  const isAway = (one: ContractService) =>
    waitFor('outage', async () => (await metric(one, 'firstcome_redis_up')) === 0);

  beforeAll(async () => {
    redis = await startRedis();
    stops.push(() => redis.remove());
    database = await createTestDatabase();
    stops.push(() => database.drop());
    for (const _ of [1, 2]) {
      const one = await startNode();
      nodes.push(one);
      stops.push(() => one.stop());
    }
  });
  afterAll(async () => {
    for (const stop of stops.reverse()) await stop();
  });
  beforeEach(() => Promise.all(nodes.map(isUp)));

  /** Sells the units of a new coupon on the first node. The second one has had a claim of it. */
  async function sellOut(amount = 3): Promise<string> {
    const name = newName();
    await node(0).createCoupon({ name, amount });
    await node(1).mustClaim(name, { user: 'holder-1' });
    for (let unit = 2; unit <= amount; unit += 1) {
      await node(0).mustClaim(name, { user: `holder-${unit}` });
    }
    expect((await node(0).client.claim('late', name)).json).toMatchObject({ code: 'sold_out' });
    return name;
  }
  const refuses = (one: ContractService, coupons: number) =>
    waitFor('refusals from the cache', async () => {
      return (await metric(one, 'firstcome_sold_out_coupons')) === coupons;
    });

  it('the second one refuses from its cache what the first has sold out, and has the units that come back', async () => {
    const name = await sellOut();
    await refuses(node(1), 1);
    expect(
      await metric(
        node(1),
        'firstcome_stock_notifications_total{kind="sold_out",direction="received"}',
      ),
    ).toBe(1);
    // Holders are passed to the database, as ever.
    expect((await node(1).client.claim('holder-2', name)).json).toMatchObject({
      code: 'already_claimed',
    });
    expect((await node(1).client.claim('stranger', name)).json).toMatchObject({ code: 'sold_out' });
    const added = await node(0).client.post(`/api/coupons/${name}/stock`, { add: 1 });
    expect(added.status, added.text).toBe(200);
    await node(1).mustClaim(name, { user: 'stranger' });
    await refuses(node(1), 0);
    // The first one finds that it has sold out again.
    expect((await node(0).client.claim('other', name)).json).toMatchObject({ code: 'sold_out' });
    await refuses(node(1), 1);
  });

  it.each([
    ['is frozen', () => redis.freeze(), () => redis.resume()],
    ['has ended, and starts again empty', () => redis.stop(), () => redis.start()],
  ])(
    'both sell exactly what there is while Redis %s, and share again',
    async (_, breakRedis, repair) => {
      await breakRedis();
      try {
        await Promise.all(nodes.map(isAway));
        const name = newName();
        await node(0).createCoupon({ name, amount: 40 });
        const answers = await Promise.all(
          Array.from({ length: 100 }, (__, user) =>
            node(user % 2).client.claim(`user-${user}`, name),
          ),
        );
        expect(answers.filter(({ status }) => status === 200)).toHaveLength(40);
        expect(answers.filter(({ json }) => json.code === 'sold_out')).toHaveLength(60);
      } finally {
        await repair();
      }
      await Promise.all(nodes.map(isUp));
      const before = await metric(
        node(1),
        'firstcome_stock_notifications_total{kind="sold_out",direction="received"}',
      );
      await sellOut();
      await waitFor('notification', async () => {
        const name = 'firstcome_stock_notifications_total{kind="sold_out",direction="received"}';
        return (await metric(node(1), name)) > before;
      });
    },
  );

  it('forgotten keys and foreign messages change nothing', async () => {
    const name = await sellOut();
    const channel = (await redis.command('PUBSUB', 'CHANNELS', '*:stock')) as string[];
    for (const message of [
      '',
      '{}',
      '[1,2,3]',
      `["x","sold_out",7]`,
      `["x","other","${name}"]`,
      '['.repeat(9_999),
    ]) {
      await redis.command('PUBLISH', String(channel[0]), message);
    }
    await redis.command('PUBLISH', String(channel[0]), JSON.stringify(['x', 'units_back', name]));
    await redis.command('FLUSHALL');
    expect((await node(1).client.claim('stranger', name)).json).toMatchObject({ code: 'sold_out' });
    const open = newName();
    await node(0).createCoupon({ name: open, amount: 2 });
    await node(1).mustClaim(open);
    await redis.command('PUBLISH', String(channel[0]), JSON.stringify(['x', 'sold_out', open]));
    await node(1).mustClaim(open, { user: 'second' });
  });

  it('the duties of one that stops are taken over by the other, also while Redis is away', async () => {
    const duties = ['event_relay', 'expiry_sweep', 'stock_check', 'ticket_retention'];
    const runsAll = (one: ContractService) =>
      waitFor('duties', async () => {
        const running = await Promise.all(
          duties.map((duty) => metric(one, `firstcome_duty_running{duty="${duty}"}`)),
        );
        return running.every((value) => value === 1);
      });
    const attempts = (one: ContractService, result: string) =>
      metric(one, `firstcome_duty_mutex_attempts_total{result="${result}"}`);
    await node(0).stop();
    await runsAll(node(1));
    expect(await attempts(node(1), 'acquired')).toBeGreaterThan(0);
    expect(await attempts(node(1), 'unknown')).toBe(0);
    redis.freeze();
    try {
      await isAway(node(1));
      const third = await startNode();
      stops.push(() => third.stop());
      await node(1).stop();
      await runsAll(third);
      expect(await attempts(third, 'unknown')).toBeGreaterThanOrEqual(duties.length);
    } finally {
      redis.resume();
    }
  });
});
