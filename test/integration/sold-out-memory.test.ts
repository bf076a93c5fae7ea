// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { audit } from '../support/audit.ts';
import { Crowd, range, tally } from '../support/crowd.ts';
import { startService } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let apps: App[];
const crowd = new Crowd();

beforeAll(async () => {
  database = await createTestDatabase();
  const env = { DATABASE_URL: database.url };
  apps = await Promise.all([startService(env), startService(env)]);
});

afterAll(async () => {
  crowd.leave();
  await Promise.all((apps ?? []).map((app) => app.stop()));
  await database?.drop();
});

const urlOf = (index: number) => apps[index]?.url ?? '';
const claim = (couponName: string, userId: string, process = 0, key?: string) =>
  crowd.claim(urlOf(process), { couponName, userId, ...(key !== undefined && { key }) });

async function metric(name: string): Promise<number> {
  const { body } = await crowd.ask(urlOf(0), { path: '/metrics' });
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(String(body))?.[1]);
}

/** A coupon that is sold out and whose holders the first process remembers. */
async function soldOut(name: string, units: number): Promise<void> {
  await crowd.createCoupon(urlOf(0), name, units);
  await Promise.all(range(units).map((user) => claim(name, `holder-${user}`, 0, `key-${user}`)));
  await waitFor('refusal without a batch', async () => {
    const batches = await metric('firstcome_claim_batch_size_count');
    expect((await claim(name, 'stranger')).body.code).toBe('sold_out');
    return (await metric('firstcome_claim_batch_size_count')) === batches;
  });
}

describe('a sold out coupon', () => {
  it('refuses a crowd without a batch, and tells every holder that he holds', async () => {
    await soldOut('CROWD', 100);
    const batches = await metric('firstcome_claim_batch_size_count');
    const strangers = await Promise.all(range(1000).map((user) => claim('CROWD', `late-${user}`)));
    expect(tally(strangers)).toEqual({ '400 sold_out': 1000 });
    expect(await metric('firstcome_claim_batch_size_count')).toBe(batches);
    const holders = await Promise.all(range(100).map((user) => claim('CROWD', `holder-${user}`)));
    expect(tally(holders)).toEqual({ '409 already_claimed': 100 });
    const replays = await Promise.all(
      range(100).map((user) => claim('CROWD', `holder-${user}`, 0, `key-${user}`)),
    );
    expect(tally(replays)).toEqual({ '200': 100 });
    expect(await audit(database.query, replays)).toEqual([]);
  });

  it('sells again at once when this process adds stock', async () => {
    await soldOut('MORE', 3);
    for (const round of range(20)) {
      await crowd.ask(urlOf(0), {
        method: 'POST',
        path: '/api/coupons/MORE/stock',
        body: { add: 1 },
      });
      expect((await claim('MORE', `new-${round}`)).status).toBe(200);
      expect((await claim('MORE', `late-${round}`)).body.code).toBe('sold_out');
    }
  });

  it('sells again within a second when another process adds stock', async () => {
    await soldOut('ELSEWHERE', 3);
    await crowd.ask(urlOf(1), {
      method: 'POST',
      path: '/api/coupons/ELSEWHERE/stock',
      body: { add: 1 },
    });
    await waitFor(
      'unit that was added',
      async () => (await claim('ELSEWHERE', 'patient')).status === 200,
      { timeoutMs: 1000 },
    );
  });

  it('hears of a pause and of the end of its sale as any other', async () => {
    await soldOut('PAUSED', 1);
    const change = (body: unknown) =>
      crowd.ask(urlOf(0), { method: 'PATCH', path: '/api/coupons/PAUSED', body });
    await change({ paused: true });
    expect((await claim('PAUSED', 'eve')).body.code).toBe('paused');
    await change({ paused: false, closes_at: new Date(Date.now() - 1000).toISOString() });
    expect((await claim('PAUSED', 'eve')).body.code).toBe('closed');
  });
});
