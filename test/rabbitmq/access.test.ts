// SPDX-License-Identifier: GPL-3.0-or-later
/** Which keys may do the calls that only a service with a queue has. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queueCalls } from '../support/access-calls.ts';
import {
  type Access,
  bearers,
  everyBearer,
  expectAccess,
  services,
} from '../support/access-keys.ts';
import { ContractService, newName, until } from '../support/contract-service.ts';
import { installationOf, plantDeadLettersAt } from '../support/dead-letters.ts';
import type { RabbitMqServer } from '../support/rabbitmq-server.ts';
import { sharedRabbitMq } from '../support/rabbitmq-shared.ts';
import { patience } from '../support/service.ts';
import { createTestDatabase } from '../support/test-database.ts';

const server = sharedRabbitMq();

describe.skipIf(server === undefined).each(Object.keys(services))('a service with %s', (name) => {
  const access = services[name] as Access;
  const service = new ContractService();
  let amqpUrl: string;
  let ticket: string;

  const letters = async () =>
    (await service.client.get('/api/dead-letters', bearers.admin)).json.dead_letters;

  /** The id of the only dead letter. It holds no claim, so it stays until it is discarded. */
  async function aDeadLetter(): Promise<string> {
    if ((await letters()).length === 0) {
      const installationId = await installationOf(service.database);
      await plantDeadLettersAt(amqpUrl, installationId, [{ content: Buffer.from('no claim') }]);
    }
    const [letter] = await until(letters, (found) => found.length >= 1);
    return letter.dead_letter_id;
  }

  beforeAll(async () => {
    service.database = await createTestDatabase();
    amqpUrl = await (server as RabbitMqServer).createVirtualHost();
    const env = { ...patience, ...access.env, AMQP_URL: amqpUrl, CLAIM_MODE: 'queued' };
    await service.start(env);
    const coupon = newName();
    await service.client.post('/api/coupons', { name: coupon, amount: 1 }, bearers.admin);
    const claim = { user_id: 'holder', coupon_name: coupon };
    const headers = { ...bearers.claim, Prefer: 'respond-async' };
    const answer = await service.client.post('/api/coupons/claim', claim, headers);
    expect(answer.status, answer.text).toBe(202);
    ticket = answer.json.ticket_id;
  });
  afterAll(async () => {
    await service.stop();
    await service.database?.drop();
  });

  it.each(Object.keys(queueCalls))('only callers with an allowed key can %s', async (name) => {
    const row = queueCalls[name];
    if (row === undefined) throw new Error(name);
    for (const bearer of everyBearer) {
      const letter = await aDeadLetter();
      const made = { group: row.for, call: row.make({ ticket, letter }), bearer };
      const end = await expectAccess(access, service, made);
      if (end === 'refused') expect(await letters()).toHaveLength(1);
    }
  });
});
