// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Compares the stored records of a sale with each other, by the consistency rules, and with the answers of clients. Knows
 * the tables and nothing of the engine.
 */
import { consistencyRules } from '../../src/adapters/postgres/consistency-rules.ts';
import type { Answer, History } from './crowd.ts';

/** Runs one statement and returns its rows. */
export type Query = <Row extends Record<string, unknown>>(
  sql: string,
  values?: unknown[],
) => Promise<Row[]>;

/** Every broken rule with some of the rows that break it; empty if the records are consistent. */
export async function auditRecords(query: Query, rules = consistencyRules): Promise<string[]> {
  const findings: string[] = [];
  for (const { name, sentence, sql } of rules) {
    const rows = await query(sql);
    if (rows.length === 0) continue;
    findings.push(`${name} is broken: ${sentence} But: ${JSON.stringify(rows.slice(0, 3))}`);
  }
  return findings;
}

/** A claim as an answer shows it to a client. */
export type ShownClaim = {
  claim_id: string;
  coupon_name: string;
  user_id: string;
  position: number;
};

/** The claims in all answers that confirm one: a claim, its replay, or the one that the user already had. */
export function shownClaims(answers: readonly Answer[]): ShownClaim[] {
  return answers.flatMap(({ status, body }) => {
    if (status === 200) return [body];
    return body?.code === 'already_claimed' ? [body.claim] : [];
  });
}

/** Claims that an answer has shown and that are not stored like that, live or released. */
export async function auditAnswers(query: Query, answers: readonly Answer[]): Promise<string[]> {
  // A claim that ends is kept, so each one that an answer has shown is stored ever after.
  const rows = await query<{ claim: string }>(
    `select t.claim::text from unnest($1::jsonb[]) as t (claim) where not exists (
       select from (
         select coupon_id, user_id, claim_id, position, claimed_at from claims
         union all
         select coupon_id, user_id, claim_id, position, claimed_at from released_claims
       ) k join coupons c on c.id = k.coupon_id
       where c.name = t.claim->>'coupon_name' and k.user_id = t.claim->>'user_id'
         and k.claim_id = (t.claim->>'claim_id')::uuid
         and k.position = (t.claim->>'position')::integer
         and k.claimed_at = (t.claim->>'claimed_at')::timestamptz)`,
    [shownClaims(answers).map((claim) => JSON.stringify(claim))],
  );
  return rows.map(({ claim }) => `confirmed but not stored: ${claim}`);
}

/** The findings of both audits; to be compared with an empty list. */
export async function audit(query: Query, answers: readonly Answer[]): Promise<string[]> {
  return [...(await auditRecords(query)), ...(await auditAnswers(query, answers))];
}

/**
 * Whether every answer of every client was true, in a sale in which no claim ends: a refusal stored nothing, and an unknown
 * outcome named the claim id under which the claim was stored, if it was. To be called when no request is in progress any
 * more.
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
    const flaw = flawIn(history, stored.get(history.userId));
    if (flaw !== undefined) {
      const codes = history.answers.map(({ status, body }) => body.code ?? status);
      findings.push(`${history.userId}: ${flaw}; the answers were ${codes.join(', ')}`);
    }
  }
  return findings;
}

/** What is wrong with the answers of one user whose claim has not ended: the last state is that of every answer. */
function flawIn({ answers }: History, storedId: string | undefined): string | undefined {
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
      return 'an answer does not state its effect';
    }
  }
  const last = answers.at(-1);
  if (storedId !== undefined && !possibleIds.includes(storedId)) {
    return 'a claim is stored that was refused';
  }
  if (storedId !== undefined && last?.body.code === 'sold_out') return 'a holder got sold_out';
  return undefined;
}

/** The ids of the live claims that users hold of a coupon. */
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
