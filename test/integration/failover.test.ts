// SPDX-License-Identifier: GPL-3.0-or-later
/** A service behind an address that leads to one server, then to the other, as behind a proxy during a failover. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { type Answer, Crowd, range, tally } from '../support/crowd.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { ReplicatedPostgres } from '../support/replicated-postgres.ts';
import { startService } from '../support/service.ts';
import {
  allAnswer,
  answersOf,
  callsOf,
  type ServiceCalls,
  unavailable,
} from '../support/service-calls.ts';
import { schema } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const queryConnections = 3;

let pair: ReplicatedPostgres;
let proxy: FaultProxy;
let app: App;
let crowd: Crowd;
let calls: ServiceCalls;
let coupons = 0;
const newName = () => `COUPON-${++coupons}`;

const serviceAt = (url: string, env: Record<string, string> = {}) =>
  startService({
    DATABASE_URL: url,
    // Half of it is for what comes after a lost answer.
    CLAIM_TIMEOUT_MS: '10000',
    DATABASE_STATEMENT_TIMEOUT_MS: '3000',
    // Nothing but what the tests ask for takes a connection.
    STOCK_CHECK_INTERVAL_MS: '0',
    DATABASE_CLAIM_CONNECTIONS: '2',
    DATABASE_QUERY_CONNECTIONS: String(queryConnections),
    ...env,
  });

beforeAll(async () => {
  pair = await ReplicatedPostgres.start();
  proxy = await FaultProxy.before(pair.primary.url());
});

beforeEach(async () => {
  proxy.leadTo(pair.primary.url());
  app = await serviceAt(proxy.urlOf(pair.primary.url()));
  crowd = new Crowd();
  calls = callsOf(crowd, app.url);
});

afterEach(async () => {
  proxy.heal();
  crowd.close();
  await app.stop();
});

afterAll(async () => {
  await proxy?.stop();
  await pair?.remove();
});

const get = (path: string) => crowd.send(app.url, { path });
const claim = (couponName: string, userId: string) => crowd.claim(app.url, { couponName, userId });
const readiness = async () => (await get('/readyz')).status;

async function metric(name: string): Promise<number> {
  const line = String((await get('/metrics')).body)
    .split('\n')
    .find((each) => each.startsWith(`${name} `));
  return Number(line?.split(' ')[1]);
}

/** Waits until the service is ready and decides claims; a moment after a rejected connection it opens none. */
async function untilServed(coupon: string): Promise<void> {
  await waitFor('readiness', async () => (await readiness()) === 200);
  await waitFor('decision', async () => (await claim(coupon, 'ada')).status === 409);
}

/** A coupon with units that ada holds one of. */
async function newCoupon(amount = 100): Promise<string> {
  const name = newName();
  await crowd.createCoupon(app.url, name, amount);
  expect((await claim(name, 'ada')).status).toBe(200);
  return name;
}

/** Waits until other users are refused from the cache. */
async function remembered(name: string): Promise<void> {
  await waitFor('refusal without a batch', async () => {
    const before = await metric('firstcome_claim_batch_size_count');
    expect((await claim(name, 'stranger')).body.code).toBe('sold_out');
    return (await metric('firstcome_claim_batch_size_count')) === before;
  });
}

/** Sessions of services on a server. */
async function sessionsOn(server: ReplicatedPostgres['primary']): Promise<number> {
  const sessions = `select from pg_stat_activity where application_name = 'firstcome'`;
  return (await server.query(sessions)).length;
}

/** Opens query connections, and leaves all but one of them idle at least. */
async function warmUp(coupon: string): Promise<void> {
  proxy.slowWhen = (_, direction) => (direction === 'toServer' ? { delayMs: 50 } : undefined);
  await waitFor('connections', async () => {
    await Promise.all(range(2 * queryConnections).map(() => calls.reads['list claims']?.(coupon)));
    const idle = 'firstcome_database_connections{pool="queries",state="idle"}';
    return (await metric(idle)) >= queryConnections - 1;
  });
  proxy.slowWhen = () => undefined;
}

describe('a service whose address leads to a standby', () => {
  it('refuses every call after a switchover, and serves again when the address leads to the primary', async () => {
    const coupon = await newCoupon();
    const all = { ...calls.reads, ...calls.writes };
    await pair.switchOver();
    // The address still names the server that is the standby now.
    expect(await answersOf(all, coupon)).toEqual(allAnswer(all, unavailable));
    const stranger = await claim('no such coupon', 'ada');
    expect(stranger.body).toMatchObject({ code: 'unavailable', effect: 'none' });
    expect(await readiness()).toBe(503);
    await waitFor('end of the sessions', async () => (await sessionsOn(pair.standby)) === 0);
    // Connections are not broken: the service has dropped by itself what is of no use.
    proxy.leadTo(pair.primary.url());
    await untilServed(coupon);
    expect(await answersOf(all, coupon)).toEqual(allAnswer(all, 'served'));
  });

  it('answers neither sold_out nor 404 from a standby that is stale', async () => {
    const gone = await newCoupon(1);
    await remembered(gone);
    await pair.pauseReplay();
    const other = await serviceAt(pair.primary.url());
    try {
      const fresh = await newCoupon();
      const all = { ...calls.reads, ...calls.writes };
      proxy.leadTo(pair.standby.url());
      proxy.breakAll();
      // A claim that is sent before its connection is known to be broken may be stored.
      await waitFor('end of the connections', async () => {
        const idle = ['batches', 'queries'].map((pool) =>
          metric(`firstcome_database_connections{pool="${pool}",state="idle"}`),
        );
        return Math.max(...(await Promise.all(idle))) === 0;
      });
      // The cache is valid for half a second; then its look at the standby fails.
      const early = await claim(gone, 'stranger');
      expect(['sold_out', 'unavailable']).toContain(early.body.code);
      const added = await crowd.send(other.url, {
        ...{ method: 'POST', path: `/api/coupons/${gone}/stock`, body: { add: 100 } },
      });
      expect(added.status).toBe(200);
      const told = await Promise.all(range(20).map((user) => claim(gone, `new-${user}`)));
      expect(tally(told)).toEqual({ '503 unavailable': 20 });
      expect(await answersOf(all, fresh)).toEqual(allAnswer(all, unavailable));
      proxy.leadTo(pair.primary.url());
      await untilServed(fresh);
      expect((await claim(gone, 'new-1')).status).toBe(200);
      expect(await answersOf(all, fresh)).toEqual(allAnswer(all, 'served'));
    } finally {
      await other.stop();
      await pair.resumeReplay();
    }
  });
});

describe('a service that starts while its address leads to a standby', () => {
  it('waits, and serves when the address leads to the primary', async () => {
    const coupon = await newCoupon();
    await pair.untilSame();
    let tries = 0;
    proxy.cutWhen = (piece) => {
      if (piece.includes('firstcome start')) tries += 1;
      return undefined;
    };
    proxy.leadTo(pair.standby.url());
    const url = proxy.urlOf(pair.primary.url());
    const starting = serviceAt(url, { DATABASE_WAIT_MS: '600000' });
    await waitFor('second try', () => tries > 1);
    proxy.leadTo(pair.primary.url());
    const other = await starting;
    try {
      const { reads, writes } = callsOf(crowd, other.url);
      const all = { ...reads, ...writes };
      expect(await answersOf(all, coupon)).toEqual(allAnswer(all, 'served'));
    } finally {
      await other.stop();
    }
  });
});

describe('a statement that began on a standby', () => {
  it('is refused also when the standby was promoted while it ran', async () => {
    const reader = new pg.Client({
      connectionString: pair.standby.url(),
      options: `-c search_path=${schema}`,
    });
    await reader.connect();
    await reader.query('begin isolation level repeatable read');
    await reader.query('select count(*) from claims');
    await pair.switchOver();
    await expect(reader.query('select require_primary()')).rejects.toMatchObject({ code: '25006' });
    await reader.query('rollback');
    expect((await reader.query('select require_primary() as here')).rows).toEqual([{ here: true }]);
    await reader.end();
  });
});

describe('a service whose connections lead nowhere', () => {
  it('loses one read to all of them, not one read to each', async () => {
    const coupon = await newCoupon();
    await warmUp(coupon);
    proxy.blackHole(true);
    // New connections get through; those that were open stay silent.
    proxy.blackHole(false);
    const answers: Answer[] = [];
    for (const _ of range(queryConnections + 1)) {
      answers.push(await get(`/api/coupons/${coupon}/claims/ada`));
    }
    expect(tally(answers)).toEqual({ '503 unavailable': 1, '200': queryConnections });
    expect(await readiness()).toBe(200);
  });

  it('decides a claim within its time', async () => {
    const coupon = await newCoupon();
    await warmUp(coupon);
    proxy.blackHole(true);
    proxy.blackHole(false);
    expect((await claim(coupon, 'bob')).status).toBe(200);
    const all = { ...calls.reads, ...calls.writes };
    expect(await answersOf(all, coupon)).toEqual(allAnswer(all, 'served'));
  });
});

describe('a failover that loses decisions', () => {
  it('leaves no lost claim in the cache of sold out coupons', async () => {
    const lost = await newCoupon(2);
    await pair.untilSame();
    await pair.standby.stop('fast');
    expect((await claim(lost, 'bob')).status).toBe(200);
    await remembered(lost);
    await pair.primary.stop('immediate');
    await pair.standby.start();
    await pair.standby.promote();
    // What was decided last is gone, and decided otherwise under the same numbers.
    const other = await serviceAt(pair.standby.url());
    try {
      expect((await crowd.claim(other.url, { couponName: lost, userId: 'eve' })).status).toBe(200);
      proxy.leadTo(pair.standby.url());
      await waitFor('readiness', async () => (await readiness()) === 200);
      // A snapshot of the lost history may still count for the rest of its half second.
      await waitFor('answer of the holder', async () => {
        return (await claim(lost, 'eve')).body.code === 'already_claimed';
      });
      expect((await claim(lost, 'bob')).body.code).toBe('sold_out');
    } finally {
      await other.stop();
    }
  });
});
