// SPDX-License-Identifier: GPL-3.0-or-later
/** What a file of contract tests stands on: a service on a database of its own, and coupons to try things on. */
import { afterAll, beforeAll, expect } from 'vitest';
import type { App } from '../../src/app.ts';
import { type Answer, type Client, clientOf } from './contract-client.ts';
import { patience, startService } from './service.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';
import { waitFor } from './wait-for.ts';

/** Set while the tests of the file run. */
export type ContractService = { app: App; client: Client; database: TestDatabase };

/**
 * Starts a service before the tests of this file, or of this `describe`, and ends it after them. Where they do not say how
 * long a claim may take they are not about time.
 */
export function useService(env: Record<string, string> = {}): ContractService {
  const service = {} as ContractService;
  beforeAll(async () => {
    service.database = await createTestDatabase();
    const limits = env.CLAIM_TIMEOUT_MS === undefined ? patience : {};
    service.app = await startService({ DATABASE_URL: service.database.url, ...limits, ...env });
    service.client = clientOf(service.app.url);
  });
  afterAll(async () => {
    service.client?.close();
    await service.app?.stop();
    await service.database?.drop();
  });
  return service;
}

let couponCount = 0;

/** A name that no other coupon of this file has. */
export function newName(prefix = 'coupon'): string {
  couponCount += 1;
  return `${prefix}-${couponCount}`;
}

/** Creates a coupon and gives back its name: 10 units, open, unless told otherwise. */
export async function aCoupon(
  { client }: Pick<ContractService, 'client'>,
  fields: Record<string, unknown> = {},
): Promise<string> {
  const body = { name: newName(), amount: 10, ...fields };
  const answer = await client.post('/api/coupons', body);
  expect(answer.status, answer.text).toBe(201);
  return body.name;
}

/** Claims for this user, who must win, and gives back the answer. */
export async function aClaim(
  { client }: Pick<ContractService, 'client'>,
  coupon: string,
  claim: { user?: string; key?: string } = {},
): Promise<Answer> {
  const answer = await client.claim(claim.user ?? 'holder', coupon, claim.key);
  expect(answer.status, answer.text).toBe(200);
  return answer;
}

/** The path of a coupon, and of what lies below it. */
export function pathOf(coupon: string, ...below: string[]): string {
  return ['/api/coupons', ...[coupon, ...below].map(encodeURIComponent)].join('/');
}

/** The number of coupons, claims and ledger rows: equal before and after what must store nothing. */
export async function storedCounts({ database }: ContractService): Promise<unknown> {
  const [counts] = await database.query(
    `select (select count(*) from coupons) as coupons, (select count(*) from claims) as claims,
       (select count(*) from stock_ledger) as ledger, (select sum(remaining_amount) from coupons) as remaining`,
  );
  return counts;
}

/** Asks again, every few milliseconds, until the answer is as wished, and gives that answer back. */
export async function until<Value>(
  ask: () => Promise<Value>,
  wished: (value: Value) => boolean,
): Promise<Value> {
  let value: Value | undefined;
  const isReached = async () => {
    value = await ask();
    return wished(value);
  };
  await waitFor('expected value', isReached, { everyMs: 5 }).catch((error) => {
    throw new Error(`the last value was ${JSON.stringify(value)}`, { cause: error });
  });
  return value as Value;
}
