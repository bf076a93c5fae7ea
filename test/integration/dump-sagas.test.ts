// SPDX-License-Identifier: GPL-3.0-or-later
/** What the dump of the audit has of sagas, and of a database that knows none. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectionConfig } from '../../src/adapters/postgres/connections/connection-config.ts';
import { assertDump } from '../../src/proof/audit/dump-file.ts';
import { takeDump } from '../../src/proof/audit/take-dump.ts';
import { createTestDatabase, schema, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
const claimId = '0190a0a0-0000-7000-8000-000000000001';
const sagaId = '0190a0a0-0000-8000-8000-000000000001';

beforeAll(async () => {
  database = await createTestDatabase();
  await database.query(
    `insert into coupons
       (name, amount, remaining_amount, hold_seconds, saga, ledger_seq, decided_at, created_at)
     values ('SAGA', 1, 0, 60, 'checkout', 1, now(), now())`,
  );
  await database.query(
    `insert into claims (coupon_id, user_id, position, claim_id, claimed_at, expires_at)
     select id, 'ada', 1, $1, now(), 'infinity' from coupons`,
    [claimId],
  );
  await database.query(
    `insert into sagas
       (saga_id, coupon_id, position, claim_id, user_id, name, state, due_at, shard, started_at, deadline_at, cause)
     select $2, id, 1, $1, 'ada', 'checkout', 'A', now(), 1, now(), now(), 'no answer' from coupons`,
    [claimId, sagaId],
  );
  await database.query(
    `insert into saga_steps (saga_id, step, state, attempts, changed_at) values ($1, 1, 'Q', 5, now())`,
    [sagaId],
  );
});

afterAll(() => database.drop());

const dump = () => {
  return takeDump({ config: connectionConfig(database.url, { name: 'test' }), schema });
};

it('the dump has sagas with their steps, and claims that no time ends', async () => {
  const { coupons, claims, sagas, saga_steps: steps } = await dump();
  expect(coupons).toMatchObject([{ saga: 'checkout', hold_seconds: 60 }]);
  expect(claims).toMatchObject([{ claim_id: claimId, expires_at: 'infinity' }]);
  const members = { saga_id: sagaId, claim_id: claimId, user_id: 'ada', position: 1 };
  expect(sagas).toEqual([
    { ...members, coupon_id: coupons[0]?.id, state: 'A', cause: 'no answer', is_resolved: false },
  ]);
  expect(steps).toEqual([{ saga_id: sagaId, step: 1, state: 'Q' }]);
});

it('the dump shows that an operator has resolved a saga', async () => {
  await database.query(
    `insert into operator_log (at, actor, action, coupon_name, after)
     values (now(), 'admin', 'resolve_saga', 'SAGA', jsonb_build_object('saga_id', $1::text))`,
    [sagaId],
  );
  expect((await dump()).sagas).toMatchObject([{ is_resolved: true }]);
});

it('the dump of a database without sagas has none, and can be audited', async () => {
  await database.query('drop table sagas, saga_steps cascade');
  const older = await dump();
  expect(older).not.toHaveProperty('sagas');
  expect(() => assertDump(older)).not.toThrow();
});
