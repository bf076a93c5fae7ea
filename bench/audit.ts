// SPDX-License-Identifier: GPL-3.0-or-later
/** The audit after a run: the stored sale is correct, and every acknowledged claim is stored. */
import type { BenchDatabase } from './database-server.ts';

/**
 * How many claims must be stored. `min` counts the acknowledged claims; `max` adds the requests that were in flight
 * when the load ended.
 */
export type ExpectedClaims = { min: number; max: number };

type Rule = { rule: string; sql: string };

const noDuplicates = {
  rule: 'a user holds one claim of a coupon',
  sql: `select coupon_id, user_id from claims group by coupon_id, user_id having count(*) > 1`,
};

// Each query selects the rows that break its rule.
const rulesOfFirstcome: Rule[] = [
  noDuplicates,
  {
    rule: 'amount equals remaining units plus claims, and positions run from 1 without a gap',
    sql: `select c.name, c.amount, c.remaining_amount, k.* from coupons c
      full join (
        select coupon_id, count(*) as claims, count(distinct position) as positions,
          min(position) as first, max(position) as last
        from claims group by coupon_id
      ) k on k.coupon_id = c.id
      where c.id is null or c.remaining_amount < 0
        or c.amount <> c.remaining_amount + coalesce(k.claims, 0)
        or (k.claims > 0 and (k.first <> 1 or k.last <> k.claims or k.positions <> k.claims))`,
  },
  {
    rule: 'each ledger row follows from the rows before it, and the stock never falls below 0',
    sql: `select * from (
        select coupon_id, seq, kind, first_position, remaining_after,
          row_number() over up_to as count,
          sum(case kind when 'claimed' then -units else units end) over up_to as stock,
          coalesce(sum(units) filter (where kind = 'claimed') over before, 0) + 1 as next_position
        from stock_ledger
        window up_to as (partition by coupon_id order by seq),
          before as (partition by coupon_id order by seq rows between unbounded preceding and 1 preceding)
      ) moments
      where seq <> count or stock <> remaining_after or stock < 0
        or (kind = 'claimed' and first_position <> next_position)`,
  },
  {
    rule: 'the coupon, its claims and its ledger agree',
    sql: `select c.name, c.amount, c.remaining_amount, l.* from coupons c
      left join (
        select coupon_id, max(seq) as last_seq,
          sum(units) filter (where kind in ('grant', 'stock_added')) as offered,
          coalesce(sum(units) filter (where kind = 'claimed'), 0) as claimed
        from stock_ledger group by coupon_id
      ) l on l.coupon_id = c.id
      where l.last_seq is distinct from c.ledger_seq or l.offered <> c.amount
        or l.claimed <> c.amount - c.remaining_amount`,
  },
];

// The usual design keeps neither positions nor a ledger.
const rulesOfUsualDesign: Rule[] = [
  noDuplicates,
  {
    rule: 'amount equals remaining units plus claims',
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
  for (const { rule, sql } of design === 'firstcome' ? rulesOfFirstcome : rulesOfUsualDesign) {
    const rows = await database.query(sql);
    if (rows.length > 0) violations.push(`broken: ${rule}: ${JSON.stringify(rows.slice(0, 3))}`);
  }
  const [row] = await database.query<{ count: string }>('select count(*) from claims');
  const stored = Number(row?.count);
  if (stored < expected.min) {
    const missing = expected.min - stored;
    violations.push(`${missing} of ${expected.min} acknowledged claims are not stored`);
  }
  if (stored > expected.max) {
    violations.push(`${stored - expected.max} claims are stored that no request asked for`);
  }
  return violations;
}
