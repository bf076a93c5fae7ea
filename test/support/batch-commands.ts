// SPDX-License-Identifier: GPL-3.0-or-later
/** Batches of claims and changes of claims, decided by PostgreSQL without a service. */
import { consistencyRules } from '../../src/adapters/postgres/consistency-rules.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import type { ClaimChange, ClaimCommand } from '../../src/core/claims/claim.ts';
import type { BatchOutcome, ClaimBatch, SentChange } from '../../src/core/claims/ports.ts';
import { byTest } from './by-test.ts';
import { openStores } from './stores.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';

/** A command without the name of its coupon. */
export type Command = Omit<ClaimCommand, 'couponName'> | Omit<SentChange, 'couponName'>;

/** What the batch with this id has written to the ledger. */
export type LedgerRow = {
  kind: string;
  units: number;
  first_position: number | null;
  remaining_after: number;
  returned_units: number | null;
  /** Letter and position of each change, sorted. */
  changes: string[] | null;
};

/** Coupons with holds on a database of their own. */
export type HoldStores = Awaited<ReturnType<typeof openHoldStores>>;

/** A claim, by default with a new id and without a key. */
export function claim(userId: string, fields: { claimId?: string; key?: string } = {}): Command {
  return { userId, claimId: fields.claimId ?? newId(), idempotencyKey: fields.key };
}

/** A change by an operator, without the id of the claim unless it is given. */
export function change(
  kind: ClaimChange,
  userId: string,
  fields: Partial<SentChange> = {},
): Command {
  return {
    ...{ change: kind, userId, claimId: undefined, idempotencyKey: undefined, reason: undefined },
    ...{ isFinal: false, mayReleaseConfirmed: true, announcement: undefined, by: byTest },
    ...fields,
  };
}

/** Holds end here when a test says so. */
export const rulesOfEndedHolds = consistencyRules.filter(
  ({ name }) => name !== 'holds-last-hold-seconds',
);

/** Opens the stores on a new database. */
export async function openHoldStores() {
  const database: TestDatabase = await createTestDatabase();
  const stores = openStores(database.url);
  const batchOf = (couponName: string, commands: readonly Command[], batchId: string) =>
    ({
      ...{ batchId, couponName },
      commands: commands.map((command) => ({ ...command, couponName })),
    }) as ClaimBatch;
  const answerOf = (couponName: string, commands: readonly Command[], batchId: string = newId()) =>
    stores.claims.decideBatch(batchOf(couponName, commands, batchId));
  return {
    ...{ database, stores, answerOf },

    /** Creates a coupon whose claims are reserved for an hour. */
    async createCoupon(name: string, amount: number, set = 'paused = false'): Promise<void> {
      await stores.createCoupon(name, amount);
      await database.query(`update coupons set hold_seconds = 3600, ${set} where name = $1`, [
        name,
      ]);
    },

    /** Decides commands as one batch, which must not be refused. */
    async decide(
      couponName: string,
      commands: readonly Command[],
      batchId?: string,
    ): Promise<BatchOutcome[]> {
      const answer = await answerOf(couponName, commands, batchId);
      if (answer.kind !== 'decided') throw new Error('not decided', { cause: answer });
      return [...answer.outcomes];
    },

    /** Lets the holds of users expire. */
    async expire(couponName: string, ...userIds: string[]): Promise<void> {
      await database.query(
        `update claims set expires_at = claimed_at
         where coupon_id = (select id from coupons where name = $1) and user_id = any ($2)
           and expires_at is not null`,
        [couponName, userIds],
      );
    },

    /** Undefined where the batch has written nothing. */
    async ledgerRow(batchId: string): Promise<LedgerRow | undefined> {
      const [row] = await database.query<LedgerRow>(
        `select kind, units, first_position, remaining_after, returned_units,
           case when changes is not null then array(
             select (change::text || position) collate "C"
             from unnest(changes, changed_positions) made (change, position) order by 1
           ) end as changes
         from stock_ledger where batch_id = $1`,
        [batchId],
      );
      return row;
    },

    /** What is left of the coupon, how many units came back, and whether an announcement counts. */
    async stockOf(name: string) {
      const [row] = await database.query<{
        remaining: number;
        returned: number;
        announced: boolean;
      }>(
        `select remaining_amount as remaining, returned_units::integer as returned,
           stock_announced as announced
         from coupons where name = $1`,
        [name],
      );
      return row;
    },

    async close(): Promise<void> {
      await stores.close();
      await database.drop();
    },
  };
}
