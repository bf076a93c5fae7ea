// SPDX-License-Identifier: GPL-3.0-or-later
/** A service and an embedded engine that require a standby's confirmation, while the primary loses its setting. */
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { createFirstcome, type Firstcome } from '../../src/library.ts';
import { Crowd } from '../support/crowd.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { openPool } from '../support/open-pool.ts';
import { ReplicatedPostgres } from '../support/replicated-postgres.ts';
import { startService } from '../support/service.ts';
import { allAnswer, answersOf, type Call, callsOf, unavailable } from '../support/service-calls.ts';
import { suspendServer } from '../support/suspended-server.ts';
import { waitFor } from '../support/wait-for.ts';

const why =
  'the durability of the database is now "local", and at least "replicated" is required; nothing is stored';

let pair: ReplicatedPostgres;
let crowd: Crowd;
let coupons = 0;

beforeAll(async () => {
  pair = await ReplicatedPostgres.start();
});

beforeEach(async () => {
  await pair.commitOn('two');
  crowd = new Crowd();
});

afterEach(() => crowd.close());

afterAll(async () => {
  await pair?.remove();
});

const startStrict = (env: Record<string, string> = {}) =>
  startService({ DATABASE_URL: pair.primary.url(), DURABILITY_MIN: 'replicated', ...env });

describe('a service that requires replicated commits', () => {
  let app: App;
  let coupon: string;

  beforeEach(async () => {
    app = await startStrict();
    coupon = `COUPON-${++coupons}`;
    const body = { name: coupon, amount: 100, hold_seconds: 600 };
    expect((await send('POST', '/api/coupons', body)).status).toBe(201);
    for (const userId of ['ada', 'bob']) expect((await claim(userId)).status).toBe(200);
  });

  afterEach(async () => {
    await app.stop();
  });

  const send = (method: string, path: string, body: unknown) =>
    crowd.send(app.url, { method, path, body });
  const get = (path: string) => crowd.send(app.url, { path });
  const claim = (userId: string, key?: string) =>
    crowd.claim(app.url, { couponName: coupon, userId, ...(key !== undefined && { key }) });
  const change = (userId: string, what: string) =>
    send('POST', `/api/coupons/${coupon}/claims/${userId}/${what}`, {});
  const readiness = async () => (await get('/readyz')).status;

  it('refuses claims, their changes and those of operators while no standby is named, and reads go on', async () => {
    const { reads, writes } = callsOf(crowd, app.url);
    const changes: Record<string, Call> = {
      ...writes,
      'confirm a claim': () => change('ada', 'confirm'),
      'release a claim': () => change('bob', 'release'),
    };
    await pair.commitOn('');
    expect(await answersOf(changes, coupon)).toEqual(allAnswer(changes, unavailable));
    expect((await claim('eve')).body.detail).toBe(why);
    expect((await send('POST', `/api/coupons/${coupon}/stock`, { add: 1 })).body.detail).toBe(why);
    expect(await answersOf(reads, coupon)).toEqual(allAnswer(reads, 'served'));
    expect((await get(`/api/coupons/${coupon}`)).body.remaining_amount).toBe(98);
    await pair.commitOn('two');
    expect(await answersOf(changes, coupon)).toEqual(allAnswer(changes, 'served'));
  });

  it('is not ready meanwhile, says why, and counts the drop', async () => {
    await waitFor('the level', async () => (await metrics()).includes(level('replicated', 1)));
    await pair.commitOn('');
    await waitFor('503', async () => (await readiness()) === 503);
    expect((await get('/health')).body).toMatchObject({
      ...{ status: 'unhealthy', durability: 'local', reason: 'durability_too_low' },
    });
    await waitFor('metrics', async () => {
      const lines = await metrics();
      const wanted = [
        level('replicated', 0),
        level('local', 1),
        'firstcome_durability_drops_total 1',
        'firstcome_unhealthy{reason="durability_too_low"} 1',
        'firstcome_database_up 0',
      ];
      return wanted.every((line) => lines.includes(line));
    });
    await pair.commitOn('two');
    await waitFor('200', async () => (await readiness()) === 200);
    expect(await metrics()).toContain('firstcome_durability_drops_total 1');
  });

  it('acknowledges no claim whose wait for the standby ends because the standby is not named any more', async () => {
    const frozen = await suspendServer(pair.standby);
    try {
      const answers = ['carol', 'dave'].map((userId) => claim(userId, `key of ${userId}`));
      await waitFor('a commit that waits', async () => {
        const waits = `select from pg_stat_activity where wait_event = 'SyncRep' and query like '%claim_batch%'`;
        return (await pair.primary.query(waits)).length > 0;
      });
      await pair.commitOn('');
      for (const { status, body } of await Promise.all(answers)) {
        // The first one is stored, and nobody may say so; the other one waited for it.
        expect(status).toBe(503);
        expect(['outcome_unknown', 'unavailable']).toContain(body.code);
      }
    } finally {
      frozen.resume();
    }
    await pair.commitOn('two');
    await waitFor('200', async () => (await readiness()) === 200);
    for (const userId of ['carol', 'dave']) {
      expect((await claim(userId, `key of ${userId}`)).status).toBe(200);
    }
    expect((await get(`/api/coupons/${coupon}`)).body.remaining_amount).toBe(96);
  });

  const metrics = async () => String((await get('/metrics')).body).split('\n');
  const level = (name: string, value: number) => `firstcome_durability{level="${name}"} ${value}`;
});

it('a service sends the check after a commit together with the statement that commits', async () => {
  const proxy = await FaultProxy.before(pair.primary.url());
  const app = await startStrict({
    ...{ DATABASE_URL: proxy.urlOf(pair.primary.url()), CLAIM_TIMEOUT_MS: '60000' },
  });
  try {
    const couponName = `COUPON-${++coupons}`;
    await crowd.createCoupon(app.url, couponName, 10);
    expect((await crowd.claim(app.url, { couponName, userId: 'ada' })).status).toBe(200);
    let sent = '';
    proxy.cutWhen = (piece) => {
      sent += piece.toString('latin1');
      return 'hold';
    };
    const claiming = crowd.claim(app.url, { couponName, userId: 'bob' });
    // No answer has arrived.
    await waitFor('the check', () => /firstcome claim-.*confirm-durability/s.test(sent));
    proxy.cutWhen = () => undefined;
    proxy.release();
    expect((await claiming).status).toBe(200);
  } finally {
    proxy.release();
    await app.stop();
    await proxy.stop();
  }
});

describe('a start that requires replicated commits', () => {
  it('waits until a standby is named', async () => {
    await pair.commitOn('');
    let started = false;
    const starting = startStrict({ DATABASE_WAIT_MS: '600000' }).then((app) => {
      started = true;
      return app;
    });
    // Each try has a session of its own.
    const tries = new Set<number>();
    await waitFor('several tries', async () => {
      const sessions = `select pid from pg_stat_activity where application_name = 'firstcome start'`;
      for (const { pid } of await pair.primary.query<{ pid: number }>(sessions)) tries.add(pid);
      return tries.size > 1;
    });
    expect(started).toBe(false);
    await pair.commitOn('two');
    await (await starting).stop();
  });

  it('fails after its wait and says what to do', async () => {
    await pair.commitOn('');
    await expect(startStrict({ DATABASE_WAIT_MS: '100' })).rejects.toMatchObject({
      name: 'StartError',
      message: expect.stringMatching(
        /its durability is "local", and DURABILITY_MIN is\s"replicated"[\s\S]*synchronous_standby_names/,
      ),
    });
  });
});

describe('an embedded engine', () => {
  let pool: pg.Pool;
  let firstcome: Firstcome | undefined;
  let warnings: string[];

  beforeEach(() => {
    pool = openPool({ connectionString: pair.primary.url() });
    warnings = [];
  });

  afterEach(async () => {
    await firstcome?.stop();
    firstcome = undefined;
    await pool.end();
  });

  const start = async (durabilityMin?: 'replicated') => {
    const logger = { warn: (_: unknown, message: string) => void warnings.push(message) };
    firstcome = await createFirstcome({ pool, logger, ...(durabilityMin && { durabilityMin }) });
    return firstcome;
  };

  it('with durabilityMin refuses claims and changes while no standby is named, and serves again after that', async () => {
    const engine = await start('replicated');
    const name = `COUPON-${++coupons}`;
    await engine.createCoupon({ name, amount: 10 });
    await pair.commitOn('');
    const refused = { code: 'unavailable', detail: why };
    await expect(engine.claim({ couponName: name, userId: 'ada' })).rejects.toMatchObject(refused);
    await expect(engine.addStock({ name, units: 1 })).rejects.toMatchObject(refused);
    await waitFor('the log', () => warnings.some((text) => text.includes('has dropped')));
    await pair.commitOn('two');
    expect((await engine.claim({ couponName: name, userId: 'ada' })).outcome).toBe('claimed');
  });

  it('with durabilityMin does not start while no standby is named', async () => {
    await pair.commitOn('');
    await expect(start('replicated')).rejects.toMatchObject({
      name: 'StartError',
      message: expect.stringContaining('durabilityMin is "replicated"'),
    });
  });

  it('warns at its start of replicas that no commit waits for', async () => {
    await pair.commitOn('');
    await start();
    expect(warnings).toContainEqual(expect.stringContaining('no commit waits for one'));
  });
});
