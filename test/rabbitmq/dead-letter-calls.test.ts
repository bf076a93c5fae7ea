// SPDX-License-Identifier: GPL-3.0-or-later
/** What operators do with dead letters over HTTP, at a real broker. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adminKey, bearers, viewerKey } from '../support/access-keys.ts';
import { queuedClaim } from '../support/claim-queues.ts';
import { expectProblem } from '../support/contract-problems.ts';
import { ContractService, pathOf, until } from '../support/contract-service.ts';
import {
  installationOf,
  messageOfClaim,
  type PlantedMessage,
  plantDeadLettersAt,
} from '../support/dead-letters.ts';
import { sharedRabbitMq } from '../support/rabbitmq-shared.ts';
import { patience } from '../support/service.ts';
import { createTestDatabase } from '../support/test-database.ts';

const server = sharedRabbitMq();
const path = '/api/dead-letters';

describe.skipIf(server === undefined)('calls on dead letters', () => {
  let service: ContractService;
  let amqpUrl: string;
  let installationId: string;

  const plant = (message: PlantedMessage) => plantDeadLettersAt(amqpUrl, installationId, [message]);
  const post = (call: string, body: object) =>
    service.client.post(`${path}/${call}`, body, bearers.admin);
  const list = () => service.client.get(path, bearers.viewer);

  beforeAll(async () => {
    const database = await createTestDatabase();
    amqpUrl = await (server as NonNullable<typeof server>).createVirtualHost();
    service = Object.assign(new ContractService(), { database });
    await service.start({
      ...{ ...patience, AMQP_URL: amqpUrl, CLAIM_MODE: 'queued' },
      ...{ ADMIN_API_KEY: adminKey, VIEWER_API_KEY: viewerKey },
    });
    installationId = await installationOf(database);
  });
  afterAll(async () => {
    await service?.stop();
    await service?.database.drop();
  });

  it('redrive a claim once, however often its letter is there', async () => {
    const name = `coupon ${Date.now()}`;
    await service.client.post('/api/coupons', { name, amount: 5 }, bearers.admin);
    const claim = queuedClaim({ couponName: name, userId: 'ada', acceptedAtMs: Date.now() });
    for (let round = 1; round <= 2; round += 1) {
      await plant(messageOfClaim(claim, installationId));
      const [letter] = (await list()).json.dead_letters;
      expect(letter).toMatchObject({ claim_id: claim.claimId, unreadable: null });
      const dry = await post('redrive', { all: true, dry_run: true });
      expect([dry.status, dry.json.done], dry.text).toEqual([200, 1]);
      const done = await post('redrive', { ids: [letter.dead_letter_id] });
      expect([done.status, done.json.done, done.json.left], done.text).toEqual([202, 1, 0]);
      expect((await list()).json).toEqual({ dead_letters: [], total: 0, next_cursor: null });
    }
    const held = await until(
      () => service.client.get(pathOf(name, 'claims', 'ada'), bearers.admin),
      ({ status }) => status === 200,
    );
    expect(held.json).toMatchObject({ claim_id: claim.claimId, position: 1 });
    const coupon = await service.client.get(pathOf(name), bearers.admin);
    expect(coupon.json.remaining_amount).toBe(4);
    const log = await service.client.get('/api/operator-log?limit=1', bearers.viewer);
    expect(log.json.entries[0]).toMatchObject({
      ...{ action: 'redrive_dead_letter', coupon_name: name, after: null, actor: 'admin' },
    });
  });

  it('discard what cannot be redriven', async () => {
    await plant({ content: Buffer.from([255, 0]) });
    const refused = await post('redrive', { all: true });
    expect(refused.json).toMatchObject({ done: 0, refused_count: 1, left: 0 });
    const [letter] = (await list()).json.dead_letters;
    const shown = await service.client.get(`${path}/${letter.dead_letter_id}`, bearers.viewer);
    expect(shown.json.body).toEqual({ encoding: 'base64', text: '/wA=' });
    expect((await post('discard', { all: true })).json).toMatchObject({ done: 1 });
    expectProblem(
      await service.client.get(`${path}/${letter.dead_letter_id}`, bearers.viewer),
      'dead_letter_not_found',
    );
  });

  it.each([{}, { ids: [] }, { ids: ['a'], all: true }, { all: false }, { all: true, more: 1 }])(
    'refuse the body %j',
    async (body) => {
      for (const call of ['redrive', 'discard']) {
        expectProblem(await post(call, body), 'invalid_request');
      }
    },
  );
});
