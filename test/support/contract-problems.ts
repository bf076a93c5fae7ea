// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from 'vitest';
import type { Answer } from './contract-client.ts';

/** A row of the contract's table of errors. */
export type ProblemRow = {
  status: number;
  error: string;
  effect: 'none' | 'unknown';
  retryAfter: boolean;
};

const row = (status: number, error: string, more: Partial<ProblemRow> = {}): ProblemRow => ({
  status,
  error,
  effect: 'none',
  retryAfter: false,
  ...more,
});

/** The table of errors in the contract. Clients compare with these texts. */
export const problemTable = {
  invalid_request: row(400, 'invalid request'),
  sold_out: row(400, 'coupon out of stock'),
  unauthorized: row(401, 'unauthorized'),
  forbidden: row(403, 'forbidden'),
  cross_origin: row(403, 'forbidden'),
  host_not_allowed: row(403, 'forbidden'),
  coupon_not_found: row(404, 'coupon not found'),
  claim_not_found: row(404, 'claim not found'),
  webhook_not_found: row(404, 'webhook not found'),
  saga_not_found: row(404, 'saga not found'),
  ticket_not_found: row(404, 'ticket not found'),
  dead_letter_not_found: row(404, 'dead letter not found'),
  route_not_found: row(404, 'not found'),
  method_not_allowed: row(405, 'method not allowed'),
  coupon_exists: row(409, 'coupon already exists'),
  already_claimed: row(409, 'coupon already claimed by user'),
  not_open: row(409, 'coupon not open', { retryAfter: true }),
  paused: row(409, 'coupon paused'),
  closed: row(409, 'coupon closed'),
  claim_limit_reached: row(409, 'claim limit reached'),
  claim_released: row(409, 'claim released'),
  hold_expired: row(409, 'hold expired'),
  already_redeemed: row(409, 'claim already redeemed'),
  not_confirmed: row(409, 'claim not confirmed'),
  claim_mismatch: row(409, 'claim mismatch'),
  saga_running: row(409, 'saga running'),
  request_timeout: row(408, 'request timeout'),
  body_too_large: row(413, 'body too large'),
  uri_too_long: row(414, 'uri too long'),
  idempotency_key_reused: row(422, 'idempotency key reused'),
  header_too_large: row(431, 'header too large'),
  rate_limited: row(429, 'too many requests', { retryAfter: true }),
  overloaded: row(503, 'service overloaded', { retryAfter: true }),
  unavailable: row(503, 'service unavailable', { retryAfter: true }),
  outcome_unknown: row(503, 'outcome unknown', { effect: 'unknown', retryAfter: true }),
  internal: row(500, 'internal error', { effect: 'unknown' }),
} satisfies Record<string, ProblemRow>;

/** A code of the table. */
export type ProblemCode = keyof typeof problemTable;

// What no client may read: SQL, messages of the database, stacks, files and addresses.
const leaks =
  /\b(?:select|insert|update|delete)\b.+\b(?:from|into|set)\b|SQLSTATE|postgres|constraint|relation|\bpg_|node_modules|\.ts:|\.js:|\bat \S+ \(|(?<![-\w.])5432(?![-\w])|ECONN|FST_ERR|HPE_/i;

/**
 * Expects exactly this problem: status, members and headers as in the table of the contract. `challenge`: that of a 401, which
 * calls a token invalid where one was sent.
 */
export function expectProblem(answer: Answer, code: ProblemCode, challenge = 'Bearer'): void {
  const { status, error, effect, retryAfter } = problemTable[code];
  expect(`${answer.status} ${answer.text}`).toContain(`${status} {`);
  const problem = answer.json;
  expect(problem).toMatchObject({ status, code, effect });
  expect(problem.type).toMatch(new RegExp(`^https://\\S+/errors#${code}$`));
  expect(problem.instance).toMatch(/^urn:request:[\w-]+$/);
  expect(problem.title).toMatch(/\S/);
  expect(problem.detail).toMatch(/\S/);
  expect(answer.headers['content-type']).toMatch(
    /^application\/problem\+json(?:; charset=utf-8)?$/,
  );
  if (code === 'invalid_request') {
    expect(problem.error).toBe(`${error}: ${problem.detail}`);
    expect(problem.errors).toBeInstanceOf(Array);
    for (const wrong of problem.errors) {
      expect(wrong).toEqual({ field: expect.any(String), message: expect.any(String) });
    }
  } else {
    expect(problem.error).toBe(error);
    expect(problem).not.toHaveProperty('errors');
  }
  if (retryAfter) expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/);
  else expect(answer.headers).not.toHaveProperty('retry-after');
  if (code === 'unauthorized') expect(answer.headers['www-authenticate']).toBe(challenge);
  else expect(answer.headers).not.toHaveProperty('www-authenticate');
  expect(answer.text).not.toMatch(leaks);
  expectApiHeaders(answer);
}

/** Expects a 400 that names exactly these fields. */
export function expectInvalid(answer: Answer, ...fields: string[]): void {
  expectProblem(answer, 'invalid_request');
  const named = answer.json.errors.map((wrong: { field: string }) => wrong.field);
  expect(named.sort()).toEqual([...fields].sort());
}

/** Expects the headers that every answer of the API has. */
export function expectApiHeaders(answer: Answer): void {
  expect(answer.headers['x-content-type-options']).toBe('nosniff');
  expect(answer.headers['cache-control']).toBe('no-store');
}

/** The seconds in `Retry-After`. */
export function retryAfterOf(answer: Answer): number {
  return Number(answer.headers['retry-after']);
}
