// SPDX-License-Identifier: GPL-3.0-or-later
/** The audit after a run: the stored sale is correct, and every acknowledged claim is stored. */
import { consistencyRules } from '../src/adapters/postgres/consistency-rules.ts';
import type { BenchDatabase } from './database-server.ts';

/**
 * How many claims must be stored. `min` counts the acknowledged claims; `max` adds the requests that were in flight
 * when the load ended.
 */
export type ExpectedClaims = { min: number; max: number };

type Rule = { name: string; sentence: string; sql: string };

// The usual design keeps neither positions nor a ledger.
const rulesOfUsualDesign: Rule[] = [
  {
    name: 'one-claim-per-user',
    sentence: 'A user has at most one claim of a coupon.',
    sql: `select coupon_id, user_id from claims group by coupon_id, user_id having count(*) > 1`,
  },
  {
    name: 'claims-match-stock',
    sentence: 'A coupon has as many claims as units are gone.',
    sql: `select c.name, c.amount, c.remaining, k.claims from coupons c
      full join (select coupon_id, count(*) as claims from claims group by coupon_id) k
        on k.coupon_id = c.id
      where c.id is null or c.remaining < 0 or c.amount <> c.remaining + coalesce(k.claims, 0)`,
  },
];

/** Describes every violation; an empty list means that the run counts. */
export async function audit(
  database: BenchDatabase,
  design: 'firstcome' | 'usual design',
  expected: ExpectedClaims,
): Promise<string[]> {
  const violations: string[] = [];
  const rules = design === 'firstcome' ? consistencyRules : rulesOfUsualDesign;
  for (const { name, sentence, sql } of rules) {
    const rows = await database.query(sql);
    if (rows.length === 0) continue;
    violations.push(`${name} is broken: ${sentence} But: ${JSON.stringify(rows.slice(0, 3))}`);
  }
  // An acknowledged claim is stored ever after; the usual design releases none.
  const released = design === 'firstcome' ? '+ (select count(*) from released_claims)' : '';
  const [row] = await database.query<{ count: string }>(
    `select (select count(*) from claims) ${released} as count`,
  );
  const stored = Number(row?.count);
  if (stored < expected.min) {
    const missing = expected.min - stored;
    violations.push(`${missing} of ${expected.min} acknowledged claims are not stored`);
  }
  if (stored > expected.max) {
    violations.push(`${stored - expected.max} claims are stored without a request`);
  }
  return violations;
}
