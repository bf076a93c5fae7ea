// SPDX-License-Identifier: GPL-3.0-or-later
/** The calls of the functions that decide batches, of users who are all different. */
import { randomUUID } from 'node:crypto';
import { newId } from '../src/adapters/system/ids.ts';

/** Runs one statement and returns its rows. */
export type Query = <Row extends Record<string, unknown>>(
  sql: string,
  values?: unknown[],
) => Promise<Row[]>;

/** A statement with its parameters, and the ids of the batches that it decides. */
export type Call = { batchIds: string[]; sql: string; values: unknown[] };

/** What a command of a batch asks for. */
export type CommandKind = 'claim' | 'confirm' | 'release' | 'redeem';

/** A batch of claims. */
export function claimCall(coupon: string, users: readonly string[]): Call {
  const batchId = randomUUID();
  return {
    batchIds: [batchId],
    sql: 'select * from claim_batch_2($1, $2, $3, $4, $5, true)',
    values: [batchId, coupon, users, users.map(() => randomUUID()), users.map(() => null)],
  };
}

/** A batch of claims with tickets, accepted now. */
export function ticketsCall(coupon: string, users: readonly string[]): Call {
  const batchId = randomUUID();
  return {
    batchIds: [batchId],
    sql: 'select * from claim_tickets($1, $2, $3, $4, $5, $6, 300, 86400, true)',
    values: [
      ...[batchId, coupon, users, users.map(() => newId()), users.map(() => null)],
      users.map(() => Date.now()),
    ],
  };
}

/** One claim of each of several coupons. */
export function multiCouponCall(coupons: readonly string[], users: readonly string[]): Call {
  const batchIds = users.map(() => randomUUID());
  return {
    batchIds,
    sql: 'select * from claim_multi_coupon($1, $2, $3, $4, $5)',
    values: [batchIds, coupons, users, users.map(() => randomUUID()), users.map(() => null)],
  };
}

/** A batch of commands that names each claim by its id; `isTogether` false has them decided one by one. */
export async function decideCall(
  query: Query,
  batch: {
    coupon: string;
    users: readonly string[];
    kindOf: (index: number) => CommandKind;
    isTogether: boolean;
  },
): Promise<Call> {
  const { coupon, users, kindOf, isTogether } = batch;
  const held = await query<{ user_id: string; claim_id: string }>(
    `select user_id, claim_id from claims
     where coupon_id = (select id from coupons where name = $1) and user_id = any ($2)`,
    [coupon, users],
  );
  const idOf = new Map(held.map((row) => [row.user_id, row.claim_id]));
  const batchId = randomUUID();
  const none = users.map(() => null);
  const no = users.map(() => false);
  return {
    batchIds: [batchId],
    sql: 'select * from decide_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)',
    values: [
      ...[batchId, coupon, users.map((_, index) => kindOf(index)), users],
      users.map((user) => idOf.get(user) ?? randomUUID()),
      ...[none, none, no, no, none, users.map(() => 'admin'), none, none, isTogether],
    ],
  };
}

/** A sweep of as many claims of a coupon, under a lease of the duty. */
export function sweepCall(coupon: string, claims: number): Call {
  const batchId = randomUUID();
  return {
    batchIds: [batchId],
    sql: `select * from sweep_due_coupons(
      (select epoch from duties where name = 'expiry_sweep'),
      array[(select id from coupons where name = $1)], array[$3::uuid], $2
    )`,
    values: [coupon, claims, batchId],
  };
}

/** Settles a batch. */
export function resolveCall(coupon: string, batchId: string): Call {
  return {
    batchIds: [batchId],
    sql: 'select * from resolve_batch($1, $2)',
    values: [coupon, batchId],
  };
}
