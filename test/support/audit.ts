// SPDX-License-Identifier: GPL-3.0-or-later
/** The books of a sale, checked in plain SQL against what clients were told. Knows the tables, nothing of the engine. */
import type { Answer, History } from './crowd.ts';

/** Runs one statement and returns its rows. */
export type Query = <Row extends Record<string, unknown>>(
  sql: string,
  values?: unknown[],
) => Promise<Row[]>;

const rules: Record<string, string> = {
  'stock is remaining units and claims': `
    select c.name, c.amount, c.remaining_amount, count(k.user_id)::integer as claims
    from coupons c left join claims k on k.coupon_id = c.id
    group by c.id having c.amount <> c.remaining_amount + count(k.user_id)`,
  'nothing is oversold': `
    select name, amount, remaining_amount from coupons
    where remaining_amount < 0 or remaining_amount > amount`,
  'a user holds one claim of a coupon': `
    select coupon_id, user_id from claims group by coupon_id, user_id having count(*) > 1`,
  'a claim id is given once': `
    select claim_id from claims group by claim_id having count(*) > 1`,
  'positions run from 1 without a gap': `
    select coupon_id, count(*)::integer, min(position), max(position),
      count(distinct position)::integer as positions
    from claims group by coupon_id
    having min(position) <> 1 or max(position) <> count(*) or count(distinct position) <> count(*)`,
  'no claim is without a coupon': `
    select k.coupon_id from claims k left join coupons c on c.id = k.coupon_id where c.id is null`,
  'the ledger runs from 1 to the last seq without a gap': `
    select c.name, c.ledger_seq, count(l.seq)::integer, min(l.seq), max(l.seq)
    from coupons c left join stock_ledger l on l.coupon_id = c.id
    group by c.id
    having count(l.seq) <> c.ledger_seq or min(l.seq) <> 1 or max(l.seq) <> c.ledger_seq`,
  'at every moment of the ledger remaining is what came in less what went out': `
    select * from (
      select coupon_id, seq, kind, remaining_after,
        sum(case kind when 'claimed' then -units else units end)
          over (partition by coupon_id order by seq) as balance
      from stock_ledger
    ) moments where balance <> remaining_after or balance < 0`,
  'the ledger ends at the stock of today': `
    select c.name, c.remaining_amount, l.remaining_after from coupons c
    join stock_ledger l on l.coupon_id = c.id and l.seq = c.ledger_seq
    where l.remaining_after <> c.remaining_amount`,
  'what came in by the ledger is the amount': `
    select c.name, c.amount, sum(l.units)::integer as offered from coupons c
    join stock_ledger l on l.coupon_id = c.id and l.kind in ('grant', 'stock_added')
    group by c.id having sum(l.units) <> c.amount`,
  'every sale of the ledger covers the positions that it names': `
    select l.coupon_id, l.seq, l.first_position, l.units from stock_ledger l
    where l.kind = 'claimed' and l.units <> (
      select count(*) from claims k where k.coupon_id = l.coupon_id
        and k.position between l.first_position and l.first_position + l.units - 1
        and k.claimed_at = l.recorded_at)`,
  'time goes forward along the ledger': `
    select * from (
      select coupon_id, seq, recorded_at,
        lag(recorded_at) over (partition by coupon_id order by seq) as before
      from stock_ledger
    ) moments where before > recorded_at`,
};

/** Everything that the books get wrong, in words; empty when they are in order. */
export async function auditBooks(query: Query): Promise<string[]> {
  const findings: string[] = [];
  for (const [rule, sql] of Object.entries(rules)) {
    const rows = await query(sql);
    if (rows.length > 0) findings.push(`not so: ${rule}: ${JSON.stringify(rows.slice(0, 3))}`);
  }
  return findings;
}

/** What a client was told about one claim of its own. */
export type ToldClaim = {
  claim_id: string;
  coupon_name: string;
  user_id: string;
  position: number;
};

/** The claims behind all answers that say "you hold this": a claim, its replay, or the one that is held already. */
export function claimsTold(answers: readonly Answer[]): ToldClaim[] {
  return answers.flatMap(({ status, body }) => {
    if (status === 200) return [body];
    return body?.code === 'already_claimed' ? [body.claim] : [];
  });
}

/** Claims that somebody was told he holds, but that are not stored so. */
export async function auditAnswers(query: Query, answers: readonly Answer[]): Promise<string[]> {
  const told = claimsTold(answers);
  const rows = await query<{ claim: string }>(
    `select t.claim::text from unnest($1::jsonb[]) as t (claim) where not exists (
       select from claims k join coupons c on c.id = k.coupon_id
       where c.name = t.claim->>'coupon_name' and k.user_id = t.claim->>'user_id'
         and k.claim_id = (t.claim->>'claim_id')::uuid
         and k.position = (t.claim->>'position')::integer
         and k.claimed_at = (t.claim->>'claimed_at')::timestamptz)`,
    [told.map((claim) => JSON.stringify(claim))],
  );
  return rows.map(({ claim }) => `told but not stored: ${claim}`);
}

/** Both audits; to be compared with an empty list. */
export async function audit(query: Query, answers: readonly Answer[]): Promise<string[]> {
  return [...(await auditBooks(query)), ...(await auditAnswers(query, answers))];
}

/**
 * Whether every answer of every client was true: a refusal stored nothing, and an unknown was told with the id under
 * which the claim turned out to be stored, if it was. To be called when nothing is under way any more.
 */
export async function auditHistories(
  query: Query,
  couponName: string,
  histories: readonly History[],
): Promise<string[]> {
  const stored = await claimIdsByUser(query, couponName);
  const answers = histories.flatMap((history) => history.answers);
  const findings = await audit(query, answers);
  for (const history of histories) {
    const complaint = lieIn(history, stored.get(history.userId));
    if (complaint !== undefined) {
      const told = history.answers.map(({ status, body }) => body.code ?? status);
      findings.push(`${history.userId}: ${complaint}; he was told ${told.join(', ')}`);
    }
  }
  return findings;
}

function lieIn({ answers }: History, storedId: string | undefined): string | undefined {
  const possibleIds: string[] = [];
  for (const { status, headers, body } of answers) {
    if (status === 200) {
      const replayed = headers['idempotency-replayed'] === 'true';
      if (replayed !== possibleIds.includes(body.claim_id)) {
        return replayed
          ? 'a claim is replayed that no earlier answer had left open'
          : 'a claim is new that an earlier answer had named';
      }
      possibleIds.push(body.claim_id);
    } else if (body.effect === 'unknown') {
      if (typeof body.claim_id !== 'string') return 'an unknown outcome names no claim';
      possibleIds.push(body.claim_id);
    } else if (body.effect !== 'none') {
      return 'an answer does not tell its effect';
    }
  }
  const last = answers.at(-1);
  if (storedId !== undefined && !possibleIds.includes(storedId)) {
    return 'a claim is stored that was refused';
  }
  if (storedId !== undefined && last?.body.code === 'sold_out') return 'a holder heard sold_out';
  return undefined;
}

/** The ids of the claims that users hold of a coupon. */
export async function claimIdsByUser(
  query: Query,
  couponName: string,
): Promise<Map<string, string>> {
  const rows = await query<{ user_id: string; claim_id: string }>(
    `select k.user_id, k.claim_id from claims k join coupons c on c.id = k.coupon_id
     where c.name = $1`,
    [couponName],
  );
  return new Map(rows.map((row) => [row.user_id, row.claim_id]));
}
