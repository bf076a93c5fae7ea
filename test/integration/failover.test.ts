// SPDX-License-Identifier: GPL-3.0-or-later
/** A service whose address leads to one server and then to the other, as behind a proxy during a failover. */
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
    // The second half is for resolving a batch in doubt.
    CLAIM_TIMEOUT_MS: '10000',
    DATABASE_STATEMENT_TIMEOUT_MS: '3000',
    // Only the requests of the tests use connections.
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

/** Waits until the service is ready and decides claims: shortly after a rejected connection it opens no new one. */
async function untilServed(coupon: string): Promise<void> {
  await waitFor('readiness', async () => (await readiness()) === 200);
  await waitFor('decision', async () => (await claim(coupon, 'ada')).status === 409);
}

/** Creates a coupon and lets ada claim one unit. */
async function newCoupon(amount = 100): Promise<string> {
  const name = newName();
  await crowd.createCoupon(app.url, name, amount);
  expect((await claim(name, 'ada')).status).toBe(200);
  return name;
}

/** Waits until other users are refused from the cache. */
async function cached(name: string): Promise<void> {
  await waitFor('refusal without a batch', async () => {
    const before = await metric('firstcome_claim_batch_size_count');
    expect((await claim(name, 'stranger')).body.code).toBe('sold_out');
    return (await metric('firstcome_claim_batch_size_count')) === before;
  });
}

/** Waits until the service has noticed that its idle connections are broken. */
async function untilNoneIsIdle(): Promise<void> {
  await waitFor('end of the connections', async () => {
    const idle = ['batches', 'queries'].map((pool) =>
      metric(`firstcome_database_connections{pool="${pool}",state="idle"}`),
    );
    return Math.max(...(await Promise.all(idle))) === 0;
  });
}

/** Sessions of services on a server. */
async function sessionsOn(server: ReplicatedPostgres['primary']): Promise<number> {
  const sessions = `select from pg_stat_activity where application_name = 'firstcome'`;
  return (await server.query(sessions)).length;
}

/** Opens query connections; at most one of them is not idle afterwards. */
async function warmUp(coupon: string): Promise<void> {
  proxy.slowWhen = (_, direction) => (direction === 'toServer' ? { delayMs: 50 } : undefined);
  await waitFor('connections', async () => {
    await Promise.all(range(2 * queryConnections).map(() => calls.reads['list claims']?.(coupon)));
    const idle = 'firstcome_database_connections{pool="queries",state="idle"}';
    return (await metric(idle)) >= queryConnections - 1;
  });
  proxy.slowWhen = () => undefined;
}

describe('on a standby', () => {
  it('a service refuses every call after a switchover until its address leads to the primary', async () => {
    const coupon = await newCoupon();
    const all = { ...calls.reads, ...calls.writes };
    await pair.switchOver();
    // The address still leads to the server that is now the standby.
    expect(await answersOf(all, coupon)).toEqual(allAnswer(all, unavailable));
    const stranger = await claim('no such coupon', 'ada');
    expect(stranger.body).toMatchObject({ code: 'unavailable', effect: 'none' });
    expect(await readiness()).toBe(503);
    await waitFor('end of the sessions', async () => (await sessionsOn(pair.standby)) === 0);
    // The connections are not broken: the service has dropped those to the standby itself.
    proxy.leadTo(pair.primary.url());
    await untilServed(coupon);
    expect(await answersOf(all, coupon)).toEqual(allAnswer(all, 'served'));
  });

  it('a service answers neither sold_out nor 404 from a standby with old data', async () => {
    const gone = await newCoupon(1);
    await cached(gone);
    await pair.pauseReplay();
    const other = await serviceAt(pair.primary.url());
    try {
      const fresh = await newCoupon();
      const all = { ...calls.reads, ...calls.writes };
      proxy.leadTo(pair.standby.url());
      proxy.breakAll();
      // A claim that is sent before its connection is known to be broken may be stored.
      await untilNoneIsIdle();
      // The cache is empty, and the standby answers nothing.
      expect((await claim(gone, 'stranger')).body.code).toBe('unavailable');
      const added = await crowd.send(other.url, {
        ...{ method: 'POST', path: `/api/coupons/${gone}/stock`, body: { add: 100 } },
      });
      expect(added.status).toBe(200);
      const answers = await Promise.all(range(20).map((user) => claim(gone, `new-${user}`)));
      expect(tally(answers)).toEqual({ '503 unavailable': 20 });
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

describe('at the start', () => {
  it('a service whose address leads to a standby waits until it leads to the primary', async () => {
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

describe('during a promotion', () => {
  it('a statement that began on a standby is refused', async () => {
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

describe('a change whose answer a switchover loses', () => {
  it.each(['before', 'behind'] as const)(
    'is made once on the new primary when its connection was cut %s',
    async (cut) => {
      // Only end what hangs.
      const patient = { CLAIM_TIMEOUT_MS: '60000', DATABASE_STATEMENT_TIMEOUT_MS: '60000' };
      const other = await serviceAt(proxy.urlOf(pair.primary.url()), patient);
      try {
        const coupon = await newCoupon();
        const cutsBefore = proxy.cuts[cut];
        let switchover: Promise<void> | undefined;
        proxy.cutWhen = (piece) => {
          if (!piece.includes('firstcome change-coupon') || switchover !== undefined) {
            return undefined;
          }
          // The address leads to the server that becomes the primary.
          proxy.leadTo(pair.standby.url());
          switchover = pair.switchOver();
          return cut;
        };
        const changed = await crowd.send(other.url, {
          ...{ method: 'PATCH', path: `/api/coupons/${coupon}`, body: { paused: true } },
        });
        await switchover;
        expect(proxy.cuts[cut]).toBe(cutsBefore + 1);
        expect(changed).toMatchObject({ status: 200, body: { paused: true } });
        const log = await pair.primary.query<{ action: string }>(
          `select action from ${schema}.operator_log where coupon_name = $1 order by at`,
          { values: [coupon] },
        );
        const actions = log.map(({ action }) => action);
        expect(actions).toEqual(['create_coupon', 'change_coupon']);
      } finally {
        await other.stop();
      }
    },
  );
});

describe('on silent connections', () => {
  it('a service loses at most one read, not one per connection', async () => {
    const coupon = await newCoupon();
    await warmUp(coupon);
    proxy.blackHole(true);
    // New connections work; those that were open stay silent.
    proxy.blackHole(false);
    const answers: Answer[] = [];
    for (const _ of range(queryConnections + 1)) {
      answers.push(await get(`/api/coupons/${coupon}/claims/ada`));
    }
    const counts = tally(answers);
    // None where the health check, which runs each second, got no answer first.
    expect(counts['503 unavailable'] ?? 0).toBeLessThanOrEqual(1);
    expect(counts['200']).toBeGreaterThanOrEqual(queryConnections);
    expect(await readiness()).toBe(200);
  });

  it('a service empties its sold-out cache when a statement gets no answer', async () => {
    const coupon = await newCoupon(1);
    await cached(coupon);
    expect(await metric('firstcome_sold_out_coupons')).toBe(1);
    proxy.blackHole(true);
    expect((await get(`/api/coupons/${coupon}/claims/ada`)).status).toBe(503);
    expect(await metric('firstcome_sold_out_coupons')).toBe(0);
  });

  it('a service decides a claim within its time', async () => {
    const coupon = await newCoupon();
    await warmUp(coupon);
    proxy.blackHole(true);
    proxy.blackHole(false);
    expect((await claim(coupon, 'bob')).status).toBe(200);
    const all = { ...calls.reads, ...calls.writes };
    expect(await answersOf(all, coupon)).toEqual(allAnswer(all, 'served'));
  });
});

describe('after a failover that loses decisions', () => {
  it('the sold-out cache refuses no holder of the new primary, however fast the failover was', async () => {
    const lost = await newCoupon(2);
    await pair.untilSame();
    await pair.standby.stop('fast');
    expect((await claim(lost, 'bob')).status).toBe(200);
    // The standby takes over without the claim of bob, and sells the unit to eve. The old primary runs on.
    await pair.primary.stop('immediate');
    await pair.standby.start();
    await pair.standby.promote();
    const other = await serviceAt(pair.standby.url());
    try {
      expect((await crowd.claim(other.url, { couponName: lost, userId: 'eve' })).status).toBe(200);
      await pair.primary.start();
      await untilServed(lost);
      await cached(lost);
      // Now the connections break, and new ones lead to the new primary, within the TTL of the last snapshot.
      proxy.leadTo(pair.standby.url());
      await proxy.refuse();
      await untilNoneIsIdle();
      await proxy.accept();
      // It lacks the claim of bob, which was acknowledged.
      expect((await claim(lost, 'eve')).body).toMatchObject({
        code: 'unavailable',
        effect: 'none',
      });
      const { found_until } = (await get('/api/lost-history')).body;
      const accepted = await crowd.send(app.url, {
        ...{ method: 'POST', path: '/api/lost-history/accept', body: { found_until } },
      });
      expect(accepted.body).toMatchObject({ accepted: 1 });
      expect((await claim(lost, 'eve')).body.code).toBe('already_claimed');
      expect((await claim(lost, 'bob')).body.code).toBe('sold_out');
    } finally {
      await other.stop();
    }
  });
});
