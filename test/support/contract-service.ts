// SPDX-License-Identifier: GPL-3.0-or-later
/** The set-up of contract tests: a service on a database of its own, and the requests that most tests begin with. */
import { afterAll, beforeAll, expect, inject } from 'vitest';
import type { App } from '../../src/app.ts';
import { type Answer, type Client, clientOf } from './contract-client.ts';
import { patience, startService } from './service.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';
import { waitFor } from './wait-for.ts';

/** A running service, its database, and a client of it. Set while the tests of the file run. */
export class ContractService {
  app!: App;
  client!: Client;
  database!: TestDatabase;

  /** The same service with another client, such as one that sends a key. */
  with(client: Client): ContractService {
    return Object.assign(new ContractService(), this, { client });
  }

  /** Creates a coupon and returns its name. By default it has 10 units and is open. */
  async createCoupon(fields: Record<string, unknown> = {}): Promise<string> {
    const body = { name: newName(), amount: 10, ...fields };
    const answer = await this.client.post('/api/coupons', body);
    expect(answer.status, answer.text).toBe(201);
    return body.name;
  }

  /** Claims a unit, which must succeed, and returns the answer. */
  async mustClaim(coupon: string, claim: { user?: string; key?: string } = {}): Promise<Answer> {
    const answer = await this.client.claim(claim.user ?? 'holder', coupon, claim.key);
    expect(answer.status, answer.text).toBe(200);
    return answer;
  }

  /**
   * The numbers of coupons, claims, redemptions, ledger rows and webhooks, and the stock: equal before and after a call that
   * stores nothing. The relay writes the rows that a sale has opened or closed.
   */
  async storedCounts(): Promise<unknown> {
    const [counts] = await this.database.query(
      `select (select count(*) from coupons) as coupons, (select count(*) from claims) as claims,
         (select count(*) from released_claims) as released, (select count(*) from redemptions) as redemptions,
         (select count(*) from stock_ledger where kind not in ('opened', 'closed')) as ledger,
         (select count(*) from webhooks) as webhooks, (select sum(remaining_amount) from coupons) as remaining`,
    );
    return counts;
  }

  /** Starts another service on the same database, and stops it after `run`. */
  async withAnother(
    env: Record<string, string>,
    run: (other: ContractService) => Promise<void>,
  ): Promise<void> {
    const other = Object.assign(new ContractService(), { database: this.database });
    await other.start({ ...patience, ...env });
    try {
      await run(other);
    } finally {
      await other.stop();
    }
  }

  /** Starts the service on its database, with Redis or a queue where the project of the tests has one. */
  async start(env: Record<string, string>): Promise<void> {
    const redisUrl = inject('redisUrl');
    const amqpUrl = inject('amqpUrl');
    this.app = await startService({
      DATABASE_URL: this.database.url,
      ...(redisUrl !== undefined && { REDIS_URL: redisUrl }),
      ...(amqpUrl !== undefined && { AMQP_URL: amqpUrl, CLAIM_MODE: 'queued' }),
      ...env,
    });
    this.client = clientOf(this.app.url);
  }

  /** Stops the service, also when its start has failed. */
  async stop(): Promise<void> {
    this.client?.close();
    await this.app?.stop();
  }
}

/**
 * Starts a service before the tests of this file, or of this `describe`, and stops it after them. Unless `env` limits the
 * time of a claim, the service has limits that no test reaches.
 */
export function useService(env: Record<string, string> = {}): ContractService {
  const service = new ContractService();
  beforeAll(async () => {
    service.database = await createTestDatabase();
    await service.start({ ...(env.CLAIM_TIMEOUT_MS === undefined ? patience : {}), ...env });
  });
  afterAll(async () => {
    await service.stop();
    await service.database?.drop();
  });
  return service;
}

/**
 * The setting of tests in which a claim cannot be decided: the caller of a queued one would get its ticket, since it waits
 * until it can.
 */
export const decidesAtOnce = { CLAIM_MODE: 'direct' };

let nameCount = 0;

/** A name that no other coupon of this file has. */
export function newName(prefix = 'coupon'): string {
  nameCount += 1;
  return `${prefix}-${nameCount}`;
}

/** The path of a coupon, or of something below it. */
export function pathOf(coupon: string, ...below: string[]): string {
  return ['/api/coupons', ...[coupon, ...below].map(encodeURIComponent)].join('/');
}

/** Reads a value again and again until it is as expected, and returns it. */
export async function until<Value>(
  read: () => Promise<Value>,
  isExpected: (value: Value) => boolean,
): Promise<Value> {
  let value: Value | undefined;
  const isReached = async () => {
    value = await read();
    return isExpected(value);
  };
  await waitFor('expected value', isReached, { everyMs: 5 }).catch((error) => {
    throw new Error(`the last value was ${JSON.stringify(value)}`, { cause: error });
  });
  return value as Value;
}
