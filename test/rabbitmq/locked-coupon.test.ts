// SPDX-License-Identifier: GPL-3.0-or-later
/** A coupon that another session has locked: claims of other coupons in its partition do not wait for that. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { partitionOf } from '../../src/adapters/rabbitmq/names.ts';
import { ClaimQueues, queuedClaim } from '../support/claim-queues.ts';
import { ContractService, newName, pathOf, until } from '../support/contract-service.ts';
import { installationOf } from '../support/dead-letters.ts';
import { openPool } from '../support/open-pool.ts';
import type { RabbitMqServer } from '../support/rabbitmq-server.ts';
import { sharedRabbitMq } from '../support/rabbitmq-shared.ts';
import { createTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const server = sharedRabbitMq();
// Each in a message of its own: more messages than one process takes from a partition at once.
const claimsOfLocked = 150;

describe.skipIf(server === undefined)('a coupon that stays locked', () => {
  const service = new ContractService();
  const queues = new ClaimQueues();
  let amqpUrl: string;

  beforeAll(async () => {
    service.database = await createTestDatabase();
    amqpUrl = await (server as RabbitMqServer).createVirtualHost();
    await service.start({
      AMQP_URL: amqpUrl,
      CLAIM_MODE: 'queued',
      DATABASE_LOCK_TIMEOUT_MS: '200',
    });
  });
  afterAll(async () => {
    await queues.close();
    await service.stop();
    await service.database?.drop();
  });

  it('does not hold up the other coupons of its partition', async () => {
    const locked = newName('locked');
    let other = newName('other');
    while (partitionOf(other) !== partitionOf(locked)) other = newName('other');
    for (const name of [locked, other]) {
      await service.client.post('/api/coupons', { name, amount: claimsOfLocked });
    }
    const pool = openPool({ connectionString: service.database.url, max: 1 });
    const session = await pool.connect();
    try {
      await session.query('begin');
      await session.query('select 1 from coupons where name = $1 for update', [locked]);
      const installationId = await installationOf(service.database);
      const queue = await queues.openUp(amqpUrl, { installationId, messagesMax: 500_000 });
      const claimOf = (couponName: string, userId: string) =>
        queuedClaim({ couponName, userId, acceptedAtMs: Date.now() });
      const users = Array.from({ length: claimsOfLocked }, (_, index) => `user ${index}`);
      // A busy broker may confirm late.
      const publish = (coupon: string, user: string) =>
        waitFor('confirm', async () => {
          return (await queue.publish(claimOf(coupon, user))) === 'confirmed';
        });
      for (const user of users) await publish(locked, user);
      await publish(other, 'ada');
      await until(
        () => service.client.get(pathOf(other, 'claims', 'ada')),
        ({ status }) => status === 200,
      );
      const { json } = await service.client.get(pathOf(locked));
      expect(json).toMatchObject({ remaining_amount: claimsOfLocked });
      await session.query('rollback');
      await until(
        () => service.client.get(pathOf(locked)),
        ({ json }) => json.remaining_amount === 0,
      );
    } finally {
      session.release(true);
      await pool.end();
    }
  });
});
