// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import type { App } from '../../src/app.ts';
import { audit } from '../support/audit.ts';
import { byTest } from '../support/by-test.ts';
import { type Answer, Crowd, range, tally } from '../support/crowd.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { patience, startService } from '../support/service.ts';
import { openStores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let apps: App[];
const proxies: FaultProxy[] = [];
const crowd = new Crowd();

beforeAll(async () => {
  database = await createTestDatabase();
  const env = { ...patience, DATABASE_URL: database.url };
  apps = await Promise.all([startService(env), startService(env)]);
});

afterAll(async () => {
  crowd.close();
  await Promise.all((apps ?? []).map((app) => app.stop()));
  for (const proxy of proxies) await proxy.stop();
  await database?.drop();
});

/** Starts one more service, with its database behind a proxy. Returns its index and the proxy. */
async function startBehindProxy(env: Record<string, string> = {}) {
  const proxy = await FaultProxy.before(database.url);
  proxies.push(proxy);
  const app = await startService({
    ...patience,
    DATABASE_URL: proxy.urlOf(database.url),
    ...env,
  });
  return { process: apps.push(app) - 1, proxy };
}

const urlOf = (index: number) => apps[index]?.url ?? '';
const claim = (couponName: string, userId: string, process = 0, key?: string) =>
  crowd.claim(urlOf(process), { couponName, userId, ...(key !== undefined && { key }) });

async function metric(name: string, process = 0): Promise<number> {
  const { body } = await crowd.send(urlOf(process), { path: '/metrics' });
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(String(body))?.[1]);
}

/** The batches that a process has sent so far. */
const batchesOf = (process = 0) => metric('firstcome_claim_batch_size_count', process);

/** Has a claim refused as sold out. Returns whether the process refused it from its cache. */
async function refusedFromCache(name: string, process = 0): Promise<boolean> {
  const batches = await batchesOf(process);
  expect((await claim(name, 'stranger', process)).body.code).toBe('sold_out');
  return (await batchesOf(process)) === batches;
}

/** Waits until the process refuses from its cache. */
async function cached(name: string, process = 0): Promise<void> {
  await waitFor('refusal without a batch', () => refusedFromCache(name, process));
}

/** Creates a coupon and sells it out; the process has its holders in the cache. */
async function soldOut(name: string, units: number, process = 0): Promise<void> {
  await crowd.createCoupon(urlOf(process), name, units);
  await Promise.all(
    range(units).map((user) => claim(name, `holder-${user}`, process, `key-${user}`)),
  );
  await cached(name, process);
}

const addStock = (name: string, units: number, process: number, key?: string) =>
  crowd.send(urlOf(process), {
    ...{ method: 'POST', path: `/api/coupons/${name}/stock`, body: { add: units } },
    ...(key !== undefined && { headers: { 'idempotency-key': key } }),
  });

describe('a sold-out coupon', () => {
  it('refuses a crowd without a batch, and answers each holder with the claim', async () => {
    await soldOut('CROWD', 100);
    let crowds = 0;
    // When a snapshot takes too long, the database decides, as it should.
    await waitFor('crowd without a batch', async () => {
      const batches = await batchesOf();
      crowds += 1;
      const strangers = await Promise.all(
        range(1000).map((user) => claim('CROWD', `late-${crowds}-${user}`)),
      );
      expect(tally(strangers)).toEqual({ '400 sold_out': 1000 });
      return (await batchesOf()) === batches;
    });
    const holders = await Promise.all(range(100).map((user) => claim('CROWD', `holder-${user}`)));
    expect(tally(holders)).toEqual({ '409 already_claimed': 100 });
    const replays = await Promise.all(
      range(100).map((user) => claim('CROWD', `holder-${user}`, 0, `key-${user}`)),
    );
    expect(tally(replays)).toEqual({ '200': 100 });
    expect(await audit(database.query, replays)).toEqual([]);
  });

  it('sells again as soon as this process has added stock', async () => {
    await soldOut('MORE', 3);
    for (const round of range(5)) {
      await addStock('MORE', 1, 0);
      expect((await claim('MORE', `new-${round}`)).status).toBe(200);
      expect((await claim('MORE', `late-${round}`)).body.code).toBe('sold_out');
    }
  });

  it('stays in the cache when the server reports a full disk, which breaks no connection', async () => {
    await soldOut('FULL-DISK', 1);
    await crowd.createCoupon(urlOf(0), 'OTHER', 1);
    await database.query(
      `create sequence failures;
       create function fail() returns trigger language plpgsql as $$
       begin
         if new.user_id = 'unlucky' and nextval('failures') = 1 then
           raise 'no space left on device' using errcode = '53100';
         end if;
         return new;
       end $$;
       create trigger fail before insert on claims for each row execute function fail()`,
    );
    expect((await claim('OTHER', 'unlucky')).status).toBe(200);
    expect(await metric('firstcome_claim_batch_answers_lost_total')).toBe(1);
    expect(await metric('firstcome_sold_out_coupons')).toBeGreaterThan(0);
    await database.query('drop trigger fail on claims; drop function fail; drop sequence failures');
  });

  it('answers with a pause and with the end of its sale like any other coupon', async () => {
    await soldOut('PAUSED', 1);
    const change = (body: unknown) =>
      crowd.send(urlOf(0), { method: 'PATCH', path: '/api/coupons/PAUSED', body });
    await change({ paused: true });
    expect((await claim('PAUSED', 'eve')).body.code).toBe('paused');
    await change({ paused: false, closes_at: new Date(Date.now() - 1000).toISOString() });
    expect((await claim('PAUSED', 'eve')).body.code).toBe('closed');
  });
});

describe('stock that another process adds to a sold-out coupon', () => {
  /** The answer to one claim, and the position of its sending in the order of all events. */
  type OrderedAnswer = { sent: number; code: string };

  it('is never refused from the cache, neither to a new user nor to one who has just won at the other process', async () => {
    const name = 'LEASE';
    const buyers = 4;
    await soldOut(name, 3);
    let refusals = 0;
    for (const round of range(20)) {
      await cached(name);
      let events = 0;
      /** The event that first showed that there is stock: the answer to the addition, or a claim that was won. */
      let known = Number.POSITIVE_INFINITY;
      const know = () => {
        known = Math.min(known, ++events);
      };
      const answers: OrderedAnswer[] = [];
      const claimAt = async (userId: string, process = 0) => {
        const sent = ++events;
        const { status, body } = await claim(name, userId, process);
        answers.push({ sent, code: body.code ?? 'claimed' });
        if (status === 200) know();
        return status === 200 ? 'claimed' : body.code;
      };
      // As many units as users who stay until they win: there is always one left for each of them.
      const buying = range(buyers).map(async (buyer) => {
        while ((await claimAt(`${round}-buyer-${buyer}`)) !== 'claimed');
      });
      const batches = await batchesOf();
      const answer = await addStock(name, buyers + 2, 1);
      know();
      expect(answer.status).toBe(200);
      const winner = `${round}-winner`;
      expect(await claimAt(winner, 1)).toBe('claimed');
      expect(await claimAt(winner)).toBe('already_claimed');
      expect(await claimAt(`${round}-newcomer`)).toBe('claimed');
      await Promise.all(buying);
      const wrong = answers.filter(({ sent, code }) => sent > known && code === 'sold_out');
      expect(wrong).toEqual([]);
      const decided = (await batchesOf()) - batches;
      refusals += Math.max(0, answers.length - decided);
    }
    // Without refusals from the cache the test would prove nothing.
    expect(refusals).toBeGreaterThan(100);
    expect(await audit(database.query, [])).toEqual([]);
  });

  it('is added by several requests at the same time, while a crowd claims at both processes', async () => {
    const name = 'TOGETHER';
    await soldOut(name, 2);
    let isOver = false;
    const answers: Answer[] = [];
    const claiming = range(8).map(async (buyer) => {
      for (let turn = 0; !isOver; turn += 1) {
        answers.push(await claim(name, `crowd-${buyer}-${turn}`, buyer % 2));
      }
    });
    const additions = await Promise.all(
      range(6).map((index) => addStock(name, 1 + index, index % 2)),
    );
    expect(tally(additions)).toEqual({ 200: 6 });
    await waitFor('end of the sale', async () => {
      const { body } = await crowd.readCoupon(urlOf(0), name);
      return body.remaining_amount === 0;
    });
    isOver = true;
    await Promise.all(claiming);
    expect((await crowd.readCoupon(urlOf(1), name)).body.amount).toBe(2 + 21);
    expect(tally(answers)[200]).toBe(21);
    expect(await audit(database.query, answers)).toEqual([]);
  });

  it('is added once under one key, at either process and however often', async () => {
    const name = 'ONCE';
    await soldOut(name, 2);
    const isReplay = ({ headers }: Answer) => headers['idempotency-replayed'] === 'true';
    const answers = await Promise.all(range(6).map((index) => addStock(name, 1, index % 2, 'key')));
    expect(tally(answers)).toEqual({ 200: 6 });
    expect(answers.filter(isReplay)).toHaveLength(5);
    expect((await claim(name, 'ada')).status).toBe(200);
    const again = await addStock(name, 1, 0, 'key');
    expect(isReplay(again)).toBe(true);
    expect(again.body).toMatchObject({ amount: 3, remaining_amount: 0 });
    await cached(name);
  });

  it('is decided by the database after the announcing process died, until another one adds stock', async () => {
    const name = 'LEFT';
    const { process, proxy } = await startBehindProxy();
    await soldOut(name, 2, process);
    let snapshots = 0;
    proxy.cutWhen = (piece) => {
      if (piece.includes('firstcome read-stock')) snapshots += 1;
      return undefined;
    };
    const stores = openStores(database.url);
    const addition = { name, units: 1, batchId: newId(), announcement: undefined };
    expect(await stores.coupons.addStock(addition, byTest)).toHaveProperty('announcement');
    await stores.close();

    await waitFor('refusal by the database', async () => !(await refusedFromCache(name, process)));
    const enough = snapshots + 3;
    // Refusals by the database start the load of a coupon; none puts this one into the cache.
    let fromCache = 0;
    await waitFor('repeated loads', async () => {
      if (await refusedFromCache(name, process)) fromCache += 1;
      return snapshots >= enough;
    });
    expect(fromCache).toBe(0);
    expect((await crowd.readCoupon(urlOf(0), name)).body.amount).toBe(2);

    expect((await addStock(name, 1, 1)).body.amount).toBe(3);
    expect((await claim(name, 'ada')).status).toBe(200);
    await cached(name, process);
  });
});

describe('units that come back to a sold-out coupon', () => {
  const release = (name: string, userId: string, process: number) =>
    crowd.send(urlOf(process), {
      ...{ method: 'POST', path: `/api/coupons/${name}/claims/${userId}/release`, body: {} },
    });

  it('by a release at another process are sold again as soon as it is answered', async () => {
    const name = 'RELEASED';
    await soldOut(name, 3);
    for (const round of range(5)) {
      await cached(name);
      await cached(name, 1);
      const user = round < 3 ? `holder-${round}` : `new-${round - 3}`;
      expect((await release(name, user, 1)).status).toBe(200);
      expect((await claim(name, `new-${round}`)).status).toBe(200);
      expect((await claim(name, `late-${round}`, 1)).body.code).toBe('sold_out');
    }
    await cached(name);
    expect((await claim(name, 'new-4')).body.code).toBe('already_claimed');
    expect(await audit(database.query, [])).toEqual([]);
  });

  it('by many releases, one after the other, are all sold while a crowd claims at both processes', async () => {
    const name = 'ALL-RELEASED';
    const units = 40;
    await soldOut(name, units);
    let isOver = false;
    const answers: Answer[] = [];
    const claiming = range(8).map(async (buyer) => {
      for (let turn = 0; !isOver; turn += 1) {
        answers.push(await claim(name, `crowd-${buyer}-${turn}`, buyer % 2));
      }
    });
    const releases: Promise<Answer>[] = [];
    for (const user of range(units)) {
      releases.push(release(name, `holder-${user}`, user % 2));
      // They arrive while the ones before them wait for their announcements.
      for (const _ of range(5)) await crowd.readCoupon(urlOf(0), name);
    }
    expect(tally(await Promise.all(releases))).toEqual({ 200: units });
    await waitFor('end of the sale', async () => {
      const { body } = await crowd.readCoupon(urlOf(0), name);
      return body.remaining_amount === 0;
    });
    isOver = true;
    await Promise.all(claiming);
    expect(tally(answers)[200]).toBe(units);
    expect(await audit(database.query, [])).toEqual([]);
  });

  it('by holds that expire are never refused once the clock of the database has passed their end', async () => {
    const name = 'EXPIRED';
    const body = { name, amount: 5, hold_seconds: 1 };
    await crowd.send(urlOf(0), { method: 'POST', path: '/api/coupons', body });
    let wins = 0;
    let refusals = 0;
    // Without refusals the test would prove nothing.
    for (let turn = 0; wins < 25 || refusals < 25; turn += 1) {
      const [state] = await database.query<{ can_win: boolean }>(
        `select c.remaining_amount > 0 or exists (
           select from claims k where k.coupon_id = c.id and k.expires_at <= clock_timestamp()
         ) as can_win
         from coupons c where c.name = $1`,
        [name],
      );
      const { status, body } = await claim(name, `user-${turn}`, turn % 2);
      if (state?.can_win) expect(body.code).toBeUndefined();
      if (status === 200) wins += 1;
      else refusals += 1;
    }
    expect(await audit(database.query, [])).toEqual([]);
  });
});

describe('a service that stops while an addition of stock waits', () => {
  it.each([
    ['answers it if there is time', '20000', '200'],
    ['ends its connection with nothing added if there is not', '100', 'cut'],
  ])('%s', async (_, SHUTDOWN_TIMEOUT_MS, expected) => {
    const name = `STOP-${SHUTDOWN_TIMEOUT_MS}`;
    await soldOut(name, 1);
    const { process, proxy } = await startBehindProxy({ SHUTDOWN_TIMEOUT_MS });
    let isHeld = false;
    proxy.cutWhen = (piece) => {
      if (isHeld || !piece.includes('firstcome add-stock')) return undefined;
      isHeld = true;
      return 'hold';
    };
    const adding = addStock(name, 1, process).then(
      ({ status }) => String(status),
      () => 'cut',
    );
    await waitFor('announcement', async () => {
      const [row] = await database.query<{ stock_announced: boolean }>(
        'select stock_announced from coupons where name = $1',
        [name],
      );
      return row?.stock_announced;
    });
    const stopping = apps[process]?.stop();
    // The wait that follows the announcement starts when the service gets this answer.
    if (expected === 'cut') expect(await adding).toBe('cut');
    proxy.release();
    expect(await adding).toBe(expected);
    await stopping;
    await waitFor('end of its connections', () => proxy.openLinks === 0);
    const { body } = await crowd.readCoupon(urlOf(0), name);
    expect(body.amount).toBe(expected === '200' ? 2 : 1);
  });
});
