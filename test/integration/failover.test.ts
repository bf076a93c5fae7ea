// SPDX-License-Identifier: GPL-3.0-or-later
/** A service behind an address that leads to one server, then to the other, as behind a proxy during a failover. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { type Answer, Crowd, range, tally } from '../support/crowd.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { ReplicatedPostgres } from '../support/replicated-postgres.ts';
import { startService } from '../support/service.ts';
import { waitFor } from '../support/wait-for.ts';

const queryConnections = 3;

let pair: ReplicatedPostgres;
let proxy: FaultProxy;
let app: App;
let crowd: Crowd;
let coupons = 0;
const newName = () => `COUPON-${++coupons}`;

const serviceAt = (url: string) =>
  startService({
    DATABASE_URL: url,
    // Nothing but what the tests ask for takes a connection.
    STOCK_CHECK_INTERVAL_MS: '0',
    DATABASE_CLAIM_CONNECTIONS: '2',
    DATABASE_QUERY_CONNECTIONS: String(queryConnections),
  });

beforeAll(async () => {
  pair = await ReplicatedPostgres.start();
  proxy = await FaultProxy.before(pair.primary.url());
});

beforeEach(async () => {
  proxy.leadTo(pair.primary.url());
  app = await serviceAt(proxy.urlOf(pair.primary.url()));
  crowd = new Crowd();
});

afterEach(async () => {
  proxy.heal();
  crowd.leave();
  await app.stop();
});

afterAll(async () => {
  await proxy?.stop();
  await pair?.remove();
});

const get = (path: string, headers: Record<string, string> = {}) =>
  crowd.ask(app.url, { path, headers });
const claim = (couponName: string, userId: string) => crowd.claim(app.url, { couponName, userId });
const readiness = async () => (await get('/readyz')).status;

/** A coupon with units that ada holds one of. */
async function newCoupon(amount = 100): Promise<string> {
  const name = newName();
  await crowd.createCoupon(app.url, name, amount);
  expect((await claim(name, 'ada')).status).toBe(200);
  return name;
}

/** Each call that only reads, by its name. */
const reads: Record<string, (coupon: string) => Promise<Answer>> = {
  'read a coupon': (coupon) => get(`/api/coupons/${coupon}`),
  'list coupons': () => get('/api/coupons?limit=1000'),
  'find a claim': (coupon) => get(`/api/coupons/${coupon}/claims/ada`),
  'list claims': (coupon) => get(`/api/coupons/${coupon}/claims`),
  'export claims': (coupon) => get(`/api/coupons/${coupon}/claims`, { accept: 'text/csv' }),
};

/** Each call that writes, by its name. */
const writes: Record<string, (coupon: string) => Promise<Answer>> = {
  claim: (coupon) => claim(coupon, `user-${++coupons}`),
  'claim of a new coupon': (coupon) => claim(`${coupon}-unknown`, 'ada'),
  'create a coupon': () =>
    crowd.ask(app.url, {
      ...{ method: 'POST', path: '/api/coupons', body: { name: newName(), amount: 1 } },
    }),
  'add stock': (coupon) =>
    crowd.ask(app.url, {
      ...{ method: 'POST', path: `/api/coupons/${coupon}/stock`, body: { add: 1 } },
    }),
  'change a coupon': (coupon) =>
    crowd.ask(app.url, {
      ...{ method: 'PATCH', path: `/api/coupons/${coupon}`, body: { paused: false } },
    }),
};

/** What each call answers, one after the other: the status, and of a refusal its code and effect. */
async function answersOf(
  calls: Record<string, (coupon: string) => Promise<Answer>>,
  coupon: string,
): Promise<Record<string, string>> {
  const answers: Record<string, string> = {};
  for (const [name, call] of Object.entries(calls)) {
    const { status, body } = await call(coupon);
    answers[name] = status < 400 ? 'served' : `${status} ${body.code} ${body.effect}`;
  }
  return answers;
}

const allOf = (calls: Record<string, unknown>, answer: string) =>
  Object.fromEntries(Object.keys(calls).map((name) => [name, answer]));

const unavailable = '503 unavailable none';
const known = { ...reads, ...writes };
delete known['claim of a new coupon'];

/** Sessions of the service on a server. */
async function sessionsOn(server: ReplicatedPostgres['primary']): Promise<number> {
  const sessions = `select from pg_stat_activity where application_name = 'firstcome'`;
  return (await server.query(sessions)).length;
}

/** Opens all query connections, and leaves them idle. */
async function warmUp(coupon: string): Promise<void> {
  proxy.slowWhen = (_, direction) => (direction === 'toServer' ? { delayMs: 50 } : undefined);
  await waitFor('connections', async () => {
    await Promise.all(range(2 * queryConnections).map(() => reads['list claims']?.(coupon)));
    const { body } = await get('/metrics');
    const line = /^firstcome_database_connections\{pool="queries",state="idle"\} (\d+)$/m;
    return Number(line.exec(String(body))?.[1]) >= queryConnections - 1;
  });
  proxy.slowWhen = () => undefined;
}

describe('a service whose address leads to a standby', () => {
  it('after a switchover answers nothing from it, and all again when the address is right', async () => {
    const coupon = await newCoupon();
    await pair.switchOver();
    // The address still names the server that is the standby now.
    expect(await answersOf({ ...reads, ...writes }, coupon)).toEqual(
      allOf({ ...reads, ...writes }, unavailable),
    );
    expect(await readiness()).toBe(503);
    expect(await sessionsOn(pair.standby)).toBe(0);
    // Connections are not broken: those that the service keeps are of use, or it drops them by itself.
    proxy.leadTo(pair.primary.url());
    expect(await readiness()).toBe(200);
    expect(await answersOf(known, coupon)).toEqual(allOf(known, 'served'));
    expect((await claim(coupon, 'ada')).body.code).toBe('already_claimed');
  });

  it('that is stale never answers sold_out or 404 for what the primary has', async () => {
    const gone = await newCoupon(1);
    await waitFor('refusal without a batch', async () => {
      const decided = async () =>
        /^firstcome_claim_batch_size_count (\d+)$/m.exec(String((await get('/metrics')).body))?.[1];
      const before = await decided();
      expect((await claim(gone, 'stranger')).body.code).toBe('sold_out');
      return (await decided()) === before;
    });
    await pair.pauseReplay();
    const other = await serviceAt(pair.primary.url());
    try {
      const fresh = await newCoupon();
      proxy.leadTo(pair.standby.url());
      proxy.breakAll();
      const stranger = await claim(gone, 'stranger');
      expect(['sold_out', 'unavailable']).toContain(stranger.body.code);
      const added = await crowd.ask(other.url, {
        ...{ method: 'POST', path: `/api/coupons/${gone}/stock`, body: { add: 100 } },
      });
      expect(added.status).toBe(200);
      const told = await Promise.all(range(20).map((user) => claim(gone, `new-${user}`)));
      expect(tally(told)).toEqual({ '503 unavailable': 20 });
      const everything = { ...reads, ...writes };
      expect(await answersOf(everything, fresh)).toEqual(allOf(everything, unavailable));
      proxy.leadTo(pair.primary.url());
      expect(await readiness()).toBe(200);
      expect((await claim(gone, 'new-1')).status).toBe(200);
      expect(await answersOf(known, fresh)).toEqual(allOf(known, 'served'));
    } finally {
      await other.stop();
      await pair.resumeReplay();
    }
  });
});

describe('a service whose connections lead nowhere', () => {
  it('spends the timeout of one read on them, not of one read each', async () => {
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

  it('decides a claim all the same, within its time', async () => {
    const coupon = await newCoupon();
    await warmUp(coupon);
    proxy.blackHole(true);
    proxy.blackHole(false);
    expect((await claim(coupon, 'bob')).status).toBe(200);
    expect(await answersOf(known, coupon)).toEqual(allOf(known, 'served'));
  });
});
