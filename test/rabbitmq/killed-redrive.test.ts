// SPDX-License-Identifier: GPL-3.0-or-later
/** A service that is killed while it redrives dead letters: no letter is lost, and none of them wins twice. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { QueuedClaim } from '../../src/core/tickets/ticket.ts';
import { queuedClaim } from '../support/claim-queues.ts';
import { type Client, clientOf } from '../support/contract-client.ts';
import { newName, pathOf, until } from '../support/contract-service.ts';
import { installationOf, messageOfClaim, plantDeadLettersAt } from '../support/dead-letters.ts';
import { type Cut, FaultProxy } from '../support/fault-proxy.ts';
import type { RabbitMqServer } from '../support/rabbitmq-server.ts';
import { sharedRabbitMq } from '../support/rabbitmq-shared.ts';
import { patience } from '../support/service.ts';
import { endServiceProcesses, startServiceProcess } from '../support/service-process.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const isMissing = sharedRabbitMq() === undefined;
const server = sharedRabbitMq() as RabbitMqServer;

/** Methods of AMQP as they begin in a frame: class and number. */
const methods = { publish: [0, 60, 0, 40], acknowledge: [0, 60, 0, 80] };

type Moment = {
  method: keyof typeof methods;
  /** Whether what the service sends still reaches the broker. */
  cut: Extract<Cut, 'before' | 'behind'>;
  /** How many of the three letters are there afterwards, and how many entries the log has. */
  left: number;
  logged: number;
};

const moments: Record<string, Moment> = {
  'before the first claim is published': { method: 'publish', cut: 'before', left: 3, logged: 0 },
  'after the first claim was published': { method: 'publish', cut: 'behind', left: 3, logged: 0 },
  'before the first letter is removed': {
    method: 'acknowledge',
    cut: 'before',
    left: 3,
    logged: 1,
  },
  'after the first letter was removed': {
    method: 'acknowledge',
    cut: 'behind',
    left: 2,
    logged: 1,
  },
};

describe.skipIf(isMissing)('a redrive', () => {
  let database: TestDatabase;
  let installationId: string;
  let amqpUrl: string;
  let proxy: FaultProxy;
  const clients: Client[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
    installationId = await installationOf(database);
  });
  afterAll(() => database?.drop());
  beforeEach(async () => {
    amqpUrl = await server.createVirtualHost();
    proxy = await FaultProxy.before(amqpUrl);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await endServiceProcesses();
    await proxy.stop();
  });

  async function start(env: Record<string, string>): Promise<{ pid: number; client: Client }> {
    const { pid, url } = await startServiceProcess({
      ...{ ...patience, DATABASE_URL: database.url, CLAIM_MODE: 'queued', ...env },
    });
    const client = clientOf(url);
    clients.push(client);
    return { pid, client };
  }

  const letters = async ({ client }: { client: Client }) =>
    (await client.get('/api/dead-letters')).json;
  const entries = async (coupon: string) => {
    const rows = await database.query<{ before: Record<string, unknown> }>(
      `select before from operator_log where action = 'redrive_dead_letter' and coupon_name = $1
       order by at`,
      [coupon],
    );
    return rows.map(({ before }) => before.claim_id);
  };

  it.each(Object.keys(moments))(
    'that is killed %s keeps what is not done, and wins once when it is repeated',
    async (name) => {
      const { method, cut, left, logged } = moments[name] as Moment;
      const killed = await start({ AMQP_URL: proxy.urlOf(amqpUrl), CONSUME_CLAIMS: 'false' });
      const coupon = newName('redrive');
      await killed.client.post('/api/coupons', { name: coupon, amount: 10 });
      const claims: QueuedClaim[] = ['ada', 'bob', 'cyd'].map((userId) =>
        queuedClaim({ couponName: coupon, userId, acceptedAtMs: Date.now() }),
      );
      const messages = claims.map((claim) => messageOfClaim(claim, installationId));
      await plantDeadLettersAt(amqpUrl, installationId, messages);
      await until(
        () => letters(killed),
        ({ total }) => total === 3,
      );
      proxy.cutWhen = (piece) => {
        if (!piece.includes(Buffer.from(methods[method]))) return undefined;
        process.kill(-killed.pid, 'SIGKILL');
        return cut;
      };
      await expect(
        killed.client.post('/api/dead-letters/redrive', { all: true }),
      ).rejects.toThrow();
      expect(proxy.cuts[cut]).toBe(1);

      const next = await start({ AMQP_URL: amqpUrl });
      const found = await until(
        () => letters(next),
        ({ total }) => total >= left,
      );
      const ids = claims.map(({ claimId }) => claimId);
      const claimIds = (page: { dead_letters: { claim_id: string }[] }) =>
        page.dead_letters.map((letter) => letter.claim_id);
      expect(claimIds(found)).toEqual(ids.slice(3 - left));
      expect(await entries(coupon)).toEqual(ids.slice(0, logged));

      const done = await next.client.post('/api/dead-letters/redrive', { all: true });
      expect(done.json, done.text).toMatchObject({ done: left, left: 0, stopped_by: null });
      expect(await letters(next)).toMatchObject({ total: 0 });
      expect(await entries(coupon)).toEqual([...ids.slice(0, logged), ...ids.slice(3 - left)]);
      // Claims of a coupon are decided in their order: all copies of those before it are settled then.
      const last = await next.client.claim('dan', coupon);
      expect(last.json, last.text).toMatchObject({ position: 4 });
      const { json } = await next.client.get(pathOf(coupon));
      expect(json).toMatchObject({ remaining_amount: 6 });
      expect([...json.claimed_by].sort()).toEqual(['ada', 'bob', 'cyd', 'dan']);
      for (const { claimId, userId } of claims) {
        const held = await next.client.get(pathOf(coupon, 'claims', userId));
        expect(held.json).toMatchObject({ claim_id: claimId });
      }
    },
  );
});
