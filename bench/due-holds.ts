// SPDX-License-Identifier: GPL-3.0-or-later
/** Many holds of a sold-out coupon that are due at the same moment, while claims arrive and the expiry sweep runs. */
import pg from 'pg';
import { Database } from '../src/adapters/postgres/database.ts';
import { postgresDutyLeases } from '../src/adapters/postgres/duties/duty-leases.ts';
import { postgresExpirySweep } from '../src/adapters/postgres/duties/expiry-sweep-store.ts';
import { systemClock } from '../src/adapters/system/clock.ts';
import { newId } from '../src/adapters/system/ids.ts';
import { ExpirySweep } from '../src/core/duties/expiry-sweep.ts';
import { claimCall, type Query } from './batch-calls.ts';

/** What was seen until the last hold was released. */
export type DueHoldsRun = {
  /** Claims by their outcome. A unit was left for each. */
  outcomes: Record<string, number>;
  /** How long each batch took. */
  batchMs: number[];
  releasedWithinMs: number;
};

/** Creates a sold-out coupon, all of whose holds are due now. */
export async function plantDueHolds(query: Query, coupon: string, holds: number): Promise<void> {
  await query(
    `with coupon as (
       insert into coupons
         (name, amount, remaining_amount, hold_seconds, ledger_seq, decided_at, created_at)
       values ($1, $2, 0, 3600, 2, now() - interval '1 hour', now() - interval '1 hour')
       returning *
     ), recorded as (
       insert into stock_ledger
         (coupon_id, seq, batch_id, kind, units, first_position, remaining_after, recorded_at)
       select id, seq, gen_random_uuid(), kind, amount, first_position, remaining_after, decided_at
       from coupon, (values (1, 'grant', null, $2::integer), (2, 'claimed', 1, 0))
         ledger_row (seq, kind, first_position, remaining_after)
     )
     insert into claims (coupon_id, user_id, position, claim_id, claimed_at, expires_at)
     select id, 'holder ' || n, n, gen_random_uuid(), decided_at, now()
     from coupon, generate_series(1, $2::integer) n`,
    [coupon, holds],
  );
}

/** Claims with each session, a batch after the other, until the last of the due holds is released. */
export async function claimDueHolds(
  database: { url: string; query: Query },
  sale: { coupon: string; holds: number; sessions: number; batchSize: number },
): Promise<DueHoldsRun> {
  const connections = new Database({
    ...{ url: database.url, schema: 'firstcome', connectionsMax: 2, connectTimeoutMs: 20_000 },
    ...{ lockTimeoutMs: 20_000, statementTimeoutMs: 20_000, answerTimeoutMs: 20_000 },
    onIdleConnectionLost: () => undefined,
  });
  const sessions = Array.from(
    { length: sale.sessions },
    () => new pg.Client({ connectionString: database.url, options: '-c search_path=firstcome' }),
  );
  await Promise.all(sessions.map((session) => session.connect()));
  try {
    const lease = await postgresDutyLeases(connections, 'bench').acquire('expiry_sweep');
    if (lease === undefined) throw new Error('another process sweeps this database');
    await database.query(`update duties set expires_at = 'infinity' where name = 'expiry_sweep'`);
    const store = postgresExpirySweep(connections, newId);
    const sweep = new ExpirySweep({
      ...{ store, clock: systemClock, warn: () => undefined, onReleased: () => undefined },
    });
    const run: DueHoldsRun = { outcomes: {}, batchMs: [], releasedWithinMs: 0 };
    const startedMs = performance.now();
    const end = sweep.begin(lease);
    await Promise.all(sessions.map((session, index) => claimWith(session, index, sale, run)));
    run.releasedWithinMs = performance.now() - startedMs;
    await end();
    return run;
  } finally {
    await Promise.all([connections.close(), ...sessions.map((session) => session.end())]);
  }
}

async function claimWith(
  session: pg.Client,
  index: number,
  { coupon, holds, sessions, batchSize }: Parameters<typeof claimDueHolds>[1],
  { outcomes, batchMs }: DueHoldsRun,
): Promise<void> {
  let unitsLeft = Math.floor(holds / sessions);
  for (let batch = 0; !(await isReleased(session, coupon, holds)); batch += 1) {
    if (unitsLeft < batchSize) continue;
    unitsLeft -= batchSize;
    const users = Array.from({ length: batchSize }, (_, n) => `new ${index} ${batch} ${n}`);
    const { sql, values } = claimCall(coupon, users);
    const startedMs = performance.now();
    const { rows } = await session.query<{ outcome: string; claims: number }>(sql, values);
    batchMs.push(performance.now() - startedMs);
    for (const row of rows) outcomes[row.outcome] = (outcomes[row.outcome] ?? 0) + row.claims;
  }
}

/** Whether no decision has a due hold before it any more. */
async function isReleased(session: pg.Client, coupon: string, holds: number): Promise<boolean> {
  const { rows } = await session.query(
    'select from coupons where name = $1 and expiry_position >= $2',
    [coupon, holds],
  );
  return rows.length > 0;
}
