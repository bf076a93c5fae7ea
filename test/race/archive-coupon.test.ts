// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { auditRecords } from '../support/audit.ts';
import { Crowd, range } from '../support/crowd.ts';
import { patience, startService } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let services: App[];
const crowd = new Crowd();

beforeAll(async () => {
  database = await createTestDatabase();
  const env = { DATABASE_URL: database.url, ...patience };
  services = [await startService(env), await startService(env)];
});

afterAll(async () => {
  expect(await auditRecords(database.query)).toEqual([]);
  crowd.close();
  await Promise.all(services.map((service) => service.stop()));
  await database.drop();
});

const urlOf = (index: number) => services[index % services.length]?.url ?? '';

it('no user gets a claim after the answer that a coupon is archived, on any process', async () => {
  const name = 'ARCHIVED';
  await crowd.createCoupon(urlOf(0), name, 1_000_000);
  let isArchived = false;
  let sentAfter = 0;
  let claimed = 0;
  const claimOnAndOn = async (client: number) => {
    for (let turn = 0; sentAfter < 200; turn += 1) {
      const wasArchived = isArchived;
      const { status, body } = await crowd.send(urlOf(client + turn), {
        method: 'POST',
        path: '/api/coupons/claim',
        body: { user_id: `user ${client} ${turn}`, coupon_name: name },
      });
      if (wasArchived) {
        sentAfter += 1;
        expect([status, body.code]).toEqual([409, 'closed']);
      }
      if (status === 200) claimed += 1;
      else expect([status, body.code]).toEqual([409, 'closed']);
    }
  };
  const clients = range(20).map(claimOnAndOn);
  while (claimed < 100) await crowd.send(urlOf(0), { path: `/api/coupons/${name}` });
  const change = { method: 'PATCH', path: `/api/coupons/${name}`, body: { archived: true } };
  const archived = await crowd.send(urlOf(0), change);
  isArchived = true;
  const taken = 1_000_000 - archived.body.remaining_amount;
  await Promise.all(clients);
  expect(taken).toBeGreaterThanOrEqual(100);
  const { body } = await crowd.send(urlOf(1), { path: `/api/coupons/${name}` });
  expect(1_000_000 - body.remaining_amount).toBe(taken);
  expect(claimed).toBe(taken);
});

it('two operators who archive and take back at the same time leave the window as it was', async () => {
  const name = 'BOTH';
  await crowd.send(urlOf(0), {
    ...{ method: 'POST', path: '/api/coupons' },
    body: { name, amount: 1, opens_at: '2998-01-01T00:00:00Z', closes_at: '2999-01-01T00:00:00Z' },
  });
  const changes = await Promise.all(
    range(40).map((index) =>
      crowd.send(urlOf(index), {
        ...{ method: 'PATCH', path: `/api/coupons/${name}` },
        body: { archived: index % 3 !== 0 },
      }),
    ),
  );
  for (const { status, body } of changes) {
    expect(status).toBe(200);
    expect(body).toMatchObject({
      ...{ opens_at: '2998-01-01T00:00:00Z', closes_at: '2999-01-01T00:00:00Z', paused: false },
    });
    expect(body.state).toBe(body.archived ? 'closed' : 'scheduled');
  }
});

it('changes of operators at the same time are all kept, and the log has them in the order in which they were made', async () => {
  const opens_at = '2998-01-01T00:00:00Z';
  for (const round of range(20)) {
    const name = `ALL ${round}`;
    await crowd.createCoupon(urlOf(0), name, 5);
    const path = `/api/coupons/${encodeURIComponent(name)}`;
    const changes = [
      ...[{ archived: true }, { opens_at }, { paused: true }],
      ...[{ closes_at: '2999-01-01T00:00:00Z' }],
    ];
    const patched = changes.map((body, index) =>
      crowd.send(urlOf(index), { method: 'PATCH', path, body }),
    );
    const add = { method: 'POST', path: `${path}/stock`, body: { add: 2 } };
    for (const { status } of await Promise.all([...patched, crowd.send(urlOf(round), add)])) {
      expect(status).toBe(200);
    }
    const { body } = await crowd.send(urlOf(1), { path });
    expect(body).toMatchObject(Object.assign({ amount: 7, state: 'closed' }, ...changes));
    const log = await database.query<{ before: object | null; after: object }>(
      'select before, after from operator_log where coupon_name = $1 order by at',
      [name],
    );
    expect(log).toHaveLength(1 + changes.length + 1);
    for (const [index, { before }] of log.entries()) {
      expect(before).toEqual(log[index - 1]?.after ?? null);
    }
  }
});
