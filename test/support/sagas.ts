// SPDX-License-Identifier: GPL-3.0-or-later
/** Sagas in a database, without the claims and the relay that would begin them. */
import type { SagaDefinition, SagaStep } from '../../src/core/sagas/definition.ts';
import type { TestDatabase } from './test-database.ts';

const step = (name: string, kind: SagaStep['kind']): SagaStep => ({
  ...{ name, kind, participant: kind, runPath: `/${name}`, undoPath: `/undo-${name}` },
  ...{ data: {}, timeoutMs: 3_000, attemptsMax: 5, undoAttemptsMax: 10, backoffMs: 200 },
});

/** A saga of three steps. */
export const checkout: SagaDefinition = {
  name: 'checkout',
  version: '0123456789abcdef',
  steps: [step('authorize', 'payment'), step('points', 'loyalty'), step('capture', 'payment')],
};

/**
 * Plants sagas that are due, at the positions from 1 of a coupon that has none yet, and returns their ids in order of their
 * becoming due.
 */
export async function plantSagas(
  database: TestDatabase,
  couponName: string,
  count: number,
  options: { name?: string; shard?: number; deadlineSeconds?: number } = {},
): Promise<string[]> {
  const { name = checkout.name, shard, deadlineSeconds = 600 } = options;
  const rows = await database.query<{ saga_id: string }>(
    `with coupon as (
       insert into coupons
         (name, amount, remaining_amount, ledger_seq, decided_at, created_at, hold_seconds, saga)
       values ($1, $2 + 1, $2 + 1, 1, now(), now(), 600, $3)
       returning id
     ),
     claim as (
       select n, gen_random_uuid() as id, now() - ($2 - n) * interval '1 millisecond' as at
       from generate_series(1, $2::integer) n
     )
     insert into sagas
       (saga_id, coupon_id, position, claim_id, user_id, name, due_at, shard, started_at, deadline_at)
     select saga_id_of(claim.id), coupon.id, n, claim.id, 'user-' || n, $3, at,
       coalesce($4::smallint, saga_shard_of(claim.id)), at, now() + $5 * interval '1 second'
     from coupon cross join claim
     order by n
     returning saga_id`,
    [couponName, count, name, shard, deadlineSeconds],
  );
  return rows.map((row) => row.saga_id);
}
