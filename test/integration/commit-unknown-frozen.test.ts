// SPDX-License-Identifier: GPL-3.0-or-later
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Query } from '../support/audit.ts';
import { type History, range, tally } from '../support/crowd.ts';
import { seededRandom } from '../support/fault-proxy.ts';
import { type Asks, couponNames, historiesOf, Limbo, lastOf, ways } from '../support/in-doubt.ts';
import { type OwnPostgres, startOwnPostgres } from '../support/own-postgres.ts';
import { patience } from '../support/service.ts';
import { missed, waitFor } from '../support/wait-for.ts';

let postgres: OwnPostgres;
let pool: pg.Pool;
let limbo: Limbo;
/** Processes of the server that stand still. */
const frozen = new Set<number>();

const query: Query = async (sql, values) => (await pool.query(sql, values)).rows;

beforeAll(async () => {
  postgres = await startOwnPostgres({});
  pool = new pg.Pool({ connectionString: postgres.url(), max: 4 });
  // The server's end may meet a connection that still says farewell.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
});

afterAll(async () => {
  await pool.end();
  await postgres.remove();
});

async function start(env: Record<string, string>): Promise<void> {
  limbo = await Limbo.start(
    { url: postgres.url(), query },
    // Who wakes up in time goes on, and is not ended by a limit of his own.
    { DATABASE_STATEMENT_TIMEOUT_MS: '10000', ...env },
  );
}

afterEach(async () => {
  for (const backend of frozen) wake(backend);
  await limbo.stop();
});

function freeze(backend: number): void {
  process.kill(backend, 'SIGSTOP');
  frozen.add(backend);
}

/** False when it has ended since somebody saw it. */
function freezeIfThere(backend: number): boolean {
  return isThere(() => freeze(backend));
}

/** One that was about to end when it was frozen may have ended. */
function wake(backend: number): void {
  frozen.delete(backend);
  isThere(() => process.kill(backend, 'SIGCONT'));
}

function isThere(signal: () => void): boolean {
  try {
    signal();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Wakes a process that works for nobody, and waits until it has noticed. */
async function wakeAndWaitForEnd(backend: number): Promise<void> {
  wake(backend);
  await waitFor('end of the process', async () => {
    const rows = await query('select from pg_stat_activity where pid = $1', [backend]);
    return rows.length === 0;
  });
}

/** Claims of another coupon, one behind the other; most of them wait for nothing that stands still. */
async function goOnElsewhere(): Promise<void> {
  const couponName = `elsewhere ${performance.now()}`;
  await limbo.crowd.createCoupon(limbo.app.url, couponName, 100);
  const tookMs: number[] = [];
  for (const index of range(9)) {
    const startedMs = performance.now();
    const history = await limbo.untilDecided({
      ...{ couponName, userId: `user-${index}`, key: `key-${index}` },
    });
    expect(tally(lastOf([history]))).toEqual({ 200: 1 });
    tookMs.push(performance.now() - startedMs);
  }
  const median = tookMs.sort((a, b) => a - b)[4];
  expect(median, String(tookMs)).toBeLessThan(1_000);
}

describe('a server process that stands still before it has a lock', () => {
  beforeEach(() => start(patience));

  /** Its claims are lost and refused; then it wakes up in a sale in which it could claim. */
  async function expectFenced(asks: Asks, told: Promise<History>[], backend: number) {
    limbo.proxy.breakAll();
    const histories = await Promise.all(told);
    expect(tally(lastOf(histories))).toEqual({ '409 paused': 3 });
    await limbo.setCoupons(asks, 'paused = false');
    await wakeAndWaitForEnd(backend);
    expect(await limbo.holders(asks)).toEqual([]);
    expect(await limbo.marks(asks)).toBe(couponNames(asks).length);
    expect(await limbo.lies(asks, histories)).toEqual([]);
  }

  it.each(ways)('and has not read its %s meets the mark when it wakes up', async (way) => {
    const { asks, told, backend } = await limbo.lose(
      way,
      (pid) => void freeze(pid),
      limbo.untilDecided,
    );
    await limbo.setCoupons(asks, 'paused = true');
    await expectFenced(asks, told, backend);
  });

  it('and waits for it meets the mark when it wakes up', async () => {
    const asks = await limbo.newAsks('claim_batch');
    const holder = await limbo.holdUp('claim_batch', asks);
    const { told } = await limbo.lose(
      ...(['claim_batch', undefined, limbo.untilDecided, undefined, asks] as const),
    );
    const backend = await limbo.waitUntilHeldUp('claim_batch');
    freeze(backend);
    await holder.run('update coupons set paused = true where name = any($1)', [couponNames(asks)]);
    await holder.run('commit');
    await holder.end();
    await expectFenced(asks, told, backend);
  });
});

describe.each(ways)('a server process that stands still in a %s, with its locks in hand', (way) => {
  async function freezeWithLocks<Told>(ask: (ask: Asks[number]) => Promise<Told>) {
    const asks = await limbo.newAsks(way);
    const holder = await limbo.byHand();
    await limbo.occupy(holder, asks);
    const { told } = await limbo.lose(way, undefined, ask, undefined, asks);
    const backend = await limbo.waitUntilHeldUp(way);
    freeze(backend);
    await holder.end();
    return { asks, told, backend };
  }

  it('stops its coupons only, and who wakes up in time has claimed', async () => {
    await start(patience);
    const { asks, told, backend } = await freezeWithLocks(limbo.untilDecided);
    limbo.proxy.breakAll();
    await limbo.waitForLosses(couponNames(asks).length, 0);
    await goOnElsewhere();
    wake(backend);
    const histories = await Promise.all(told);
    expect(tally(lastOf(histories))).toEqual({ 200: 3 });
    expect(await limbo.marks(asks)).toBe(0);
    expect(await limbo.lies(asks, histories)).toEqual([]);
  });

  it('past the time of its claims leaves them unknown, and refuses others for certain', async () => {
    await start({ CLAIM_TIMEOUT_MS: '2500', DATABASE_LOCK_TIMEOUT_MS: '900' });
    const { asks, told, backend } = await freezeWithLocks(limbo.once);
    await limbo.waitForLosses(couponNames(asks).length, 0);
    const couponName = asks[0]?.couponName as string;
    const late = limbo.once({ couponName, userId: 'late', key: 'late' });
    const elsewhere = goOnElsewhere();
    for (const one of [late, elsewhere]) one.catch(() => undefined);
    const answers = await Promise.all(told);
    expect(tally(answers)).toEqual({ '503 outcome_unknown': 3 });
    await elsewhere;
    const { code, effect } = (await late).body;
    expect(effect).toBe('none');
    // The wait for the lock has to end before the claim is too old for it.
    if (code === 'overloaded') missed('nobody tried to settle while the late claim waited');
    expect(code).toBe('unavailable');
    await wakeAndWaitForEnd(backend);
    const histories = historiesOf(asks, answers);
    expect(await limbo.lies(asks, histories)).toEqual([]);
  });
});

describe('server processes that stand still at any moment of a sale', () => {
  it('lose nothing and let nobody be told a lie', async () => {
    await start({ DATABASE_CLAIM_CONNECTIONS: '2', CLAIM_TIMEOUT_MS: '600' });
    const random = seededRandom(7);
    const names = range(6).map((index) => `sale ${index}`);
    // More than can be sold while it lasts.
    for (const name of names) await limbo.crowd.createCoupon(limbo.app.url, name, 1_000_000);
    const asks: Asks[number][] = [];
    const histories: Promise<History>[] = [];
    let isOver = false;
    const client = async () => {
      while (!isOver) {
        const index = asks.length;
        // Every other claim is of one coupon, so that there are batches and bundles.
        const couponName = names[index % 2 === 0 ? 0 : index % names.length] as string;
        const ask = { couponName, userId: `user-${index}`, key: `key-${index}` };
        asks.push(ask);
        const history = limbo.untilDecided(ask);
        histories.push(history);
        await history;
      }
    };
    const clients = range(12).map(client);
    const seen = { withLocks: 0, withoutLocks: 0 };
    const giveUpMs = performance.now() + 40_000;
    const hasSeenAll = async () =>
      Math.min(...Object.values(seen)) >= 2 && (await limbo.losses()) > 0;
    while (!(await hasSeenAll()) && performance.now() < giveUpMs) {
      await delay(random() * 20);
      const busy = await query<{ pid: number }>(
        `select pid from pg_stat_activity where application_name = 'firstcome'
         and state = 'active' and query like '%claim_b%'`,
      );
      const backend = busy[0]?.pid;
      if (backend === undefined || !freezeIfThere(backend)) continue;
      // It may also hold what the whole server needs; then nothing is learned before it wakes up.
      let isAsleep = true;
      const look = query('select from coupons where name = any($1) for update skip locked', [
        names,
      ]).then((free) => {
        if (isAsleep) seen[free.length < names.length ? 'withLocks' : 'withoutLocks'] += 1;
      });
      // Beyond half the time of a claim the service gives the process up.
      await delay(random() * 500);
      isAsleep = false;
      wake(backend);
      await look;
    }
    isOver = true;
    await Promise.all(clients);
    expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(1);
    await limbo.waitForRest();
    expect(await limbo.audit(asks, await Promise.all(histories))).toEqual([]);
    expect(await limbo.losses()).toBeGreaterThan(0);
  });
});
