// SPDX-License-Identifier: GPL-3.0-or-later
/** An embedded engine on a host's pool, whose address leads to one server, then to the other. */
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { createFirstcome, type Firstcome, migrate } from '../../src/library.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { openPool } from '../support/open-pool.ts';
import { ReplicatedPostgres } from '../support/replicated-postgres.ts';
import { waitFor } from '../support/wait-for.ts';

let pair: ReplicatedPostgres;
let proxy: FaultProxy;
let pool: pg.Pool;
let firstcome: Firstcome;
let warnings: string[];
let coupons = 0;

beforeAll(async () => {
  pair = await ReplicatedPostgres.start();
  proxy = await FaultProxy.before(pair.primary.url());
});

beforeEach(async () => {
  proxy.leadTo(pair.primary.url());
  pool = openPool({ connectionString: proxy.urlOf(pair.primary.url()) });
  await migrate({ pool });
});

async function start(options: { connectionLifetimeMs?: number } = {}): Promise<string> {
  warnings = [];
  const logger = { warn: (_: unknown, message: string) => void warnings.push(message) };
  firstcome = await createFirstcome({ pool, logger, ...options });
  const name = `COUPON-${++coupons}`;
  await firstcome.createCoupon({ name, amount: 100 });
  await firstcome.claim({ couponName: name, userId: 'ada' });
  return name;
}

afterEach(async () => {
  proxy.heal();
  await firstcome.stop();
  await pool.end();
});

afterAll(async () => {
  await proxy?.stop();
  await pair?.remove();
});

/** Waits until calls are served: shortly after a rejected connection the engine opens no new one. */
async function untilServed(name: string): Promise<void> {
  await waitFor('answers', async () => {
    await firstcome.readCoupon(name);
    return firstcome.claim({ couponName: name, userId: 'ada' });
  });
}

/** The result of each call of the engine: `served`, or the code of its fault. */
async function callAll(name: string): Promise<string[]> {
  const calls = [
    () => firstcome.claim({ couponName: name, userId: `user-${++coupons}` }),
    () => firstcome.readCoupon(name),
    () => firstcome.findClaim(name, 'ada'),
    () => firstcome.listClaims({ couponName: name }),
    () => firstcome.addStock({ name, units: 1 }),
    () => firstcome.changeCoupon(name, { paused: false }),
    () => firstcome.createCoupon({ name: `${name}-${++coupons}`, amount: 1 }),
  ];
  const results: string[] = [];
  for (const call of calls) {
    results.push(
      await call().then(
        () => 'served',
        (fault: { code: string }) => fault.code,
      ),
    );
  }
  return results;
}

const all = (result: string) => Array(7).fill(result);

it('an embedded engine refuses every call on a standby, and serves again on the primary', async () => {
  const name = await start();
  await pair.pauseReplay();
  try {
    await firstcome.createCoupon({ name: 'NEW', amount: 1 });
    proxy.leadTo(pair.standby.url());
    proxy.breakAll();
    // A claim that is sent before its connection is known to be broken may be stored.
    await waitFor('end of the connections', () => pool.totalCount === 0);
    expect(await callAll(name)).toEqual(all('unavailable'));
    // Of a coupon that the standby does not know yet.
    expect(await callAll('NEW')).toEqual(all('unavailable'));
    proxy.leadTo(pair.primary.url());
    await untilServed(name);
    expect(await callAll(name)).toEqual(all('served'));
    const written = warnings.filter((message) => message.includes('takes no writes'));
    expect(written).toEqual(['the database server takes no writes: it is a standby or read-only']);
  } finally {
    await pair.resumeReplay();
  }
});

it('an embedded engine does not start on a standby and names the server that it needs', async () => {
  const name = await start();
  await pair.untilSame();
  proxy.leadTo(pair.standby.url());
  const other = openPool({ connectionString: proxy.urlOf(pair.primary.url()) });
  try {
    await expect(createFirstcome({ pool: other })).rejects.toMatchObject({
      name: 'StartError',
      message: expect.stringContaining('on a server that takes writes'),
    });
    expect(other.totalCount - other.idleCount).toBe(0);
  } finally {
    await other.end();
  }
  proxy.leadTo(pair.primary.url());
  expect(await callAll(name)).toEqual(all('served'));
});

it('an embedded engine ends each lent connection after its lifetime', async () => {
  const name = await start({ connectionLifetimeMs: 20 });
  for (let round = 1; round <= 3; round += 1) {
    await firstcome.listClaims({ couponName: name });
    await waitFor('end of the connections', () => pool.totalCount === 0);
  }
  expect(await callAll(name)).toEqual(all('served'));
});
