// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Query } from '../support/audit.ts';
import { type History, range, tally } from '../support/crowd.ts';
import { seededRandom } from '../support/fault-proxy.ts';
import {
  batchKinds,
  type Claims,
  couponNames,
  historiesOf,
  InDoubtService,
  lastAnswers,
} from '../support/in-doubt.ts';
import { lastFor } from '../support/last-for.ts';
import { openPool } from '../support/open-pool.ts';
import { type OwnPostgres, startOwnPostgres } from '../support/own-postgres.ts';
import { patience } from '../support/service.ts';
import { missed, waitFor } from '../support/wait-for.ts';

let postgres: OwnPostgres;
let pool: pg.Pool;
let service: InDoubtService;
/** Suspended backends of the server. */
const frozen = new Set<number>();
let otherCoupons = 0;

const query: Query = async (sql, values) => (await pool.query(sql, values)).rows;

beforeAll(async () => {
  // A backend that resumes continues, although its client is gone.
  postgres = await startOwnPostgres({ client_connection_check_interval: '0' });
  pool = openPool({ connectionString: postgres.url(), max: 4 });
});

afterAll(async () => {
  await pool.end();
  await postgres.remove();
});

async function start(env: Record<string, string>): Promise<void> {
  service = await InDoubtService.start(
    { url: postgres.url(), query },
    // A backend that is resumed in time goes on, and meets no limit of its own.
    { DATABASE_STATEMENT_TIMEOUT_MS: '10000', ...env },
  );
}

afterEach(async () => {
  for (const backend of frozen) wake(backend);
  await service.stop();
});

function freeze(backend: number): void {
  process.kill(backend, 'SIGSTOP');
  frozen.add(backend);
}

/** False when the backend has ended meanwhile. */
function freezeIfThere(backend: number): boolean {
  return isThere(() => freeze(backend));
}

/** The backend may have ended, if it was about to when it was frozen. */
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

/** Wakes a backend whose client is gone, and waits until it has ended. */
async function wakeAndWaitForEnd(backend: number): Promise<void> {
  wake(backend);
  await waitFor('end of the process', async () => {
    const rows = await query('select from pg_stat_activity where pid = $1', [backend]);
    return rows.length === 0;
  });
}

/** The void marks that wait for a lock now; a repeated one is another. */
async function waitingVoidMarks(): Promise<string[]> {
  const rows = await query<{ wait: string }>(
    `select pid || ' since ' || query_start as wait from pg_stat_activity
     where wait_event_type = 'Lock' and application_name = 'firstcome' and query like '%resolve_batch%'`,
  );
  return rows.map(({ wait }) => wait);
}

/** Claims another coupon until a claim is decided while one void mark waits for the suspended backend. */
async function claimAnotherCoupon(): Promise<void> {
  otherCoupons += 1;
  const couponName = `other ${otherCoupons}`;
  await service.crowd.createCoupon(service.app.url, couponName, 1_000);
  const histories: History[] = [];
  await waitFor('claim that waits for no suspended backend', async () => {
    const number = histories.length;
    const before = await waitingVoidMarks();
    histories.push(
      await service.untilDecided({ couponName, userId: `user-${number}`, key: `key-${number}` }),
    );
    const after = await waitingVoidMarks();
    return before.some((wait) => after.includes(wait));
  });
  expect(tally(lastAnswers(histories))).toEqual({ 200: histories.length });
}

describe('a backend that is suspended before it has a lock', () => {
  beforeEach(() => start(patience));

  /** Its claims are in doubt and then refused; it wakes up in a sale in which it could commit them. */
  async function expectFenced(claims: Claims, pending: Promise<History>[], backend: number) {
    service.proxy.breakAll();
    const histories = await Promise.all(pending);
    expect(tally(lastAnswers(histories))).toEqual({ '409 paused': 3 });
    await service.setCoupons(claims, 'paused = false');
    await wakeAndWaitForEnd(backend);
    expect(await service.holders(claims)).toEqual([]);
    expect(await service.voidMarks(claims)).toBe(couponNames(claims).length);
    expect(await service.wrongAnswers(claims, histories)).toEqual([]);
  }

  it.each(batchKinds)(
    'fails at the void mark when it wakes up before it has read its %s',
    async (kind) => {
      const { claims, pending, backend } = await service.loseAnswer(
        kind,
        (pid) => void freeze(pid),
        service.untilDecided,
      );
      await service.setCoupons(claims, 'paused = true');
      await expectFenced(claims, pending, backend);
    },
  );

  it('fails at the void mark when it wakes up while it waits for the lock', async () => {
    const claims = await service.newClaims('claim_batch');
    const holder = await service.block('claim_batch', claims);
    const { pending } = await service.loseAnswer(
      ...(['claim_batch', undefined, service.untilDecided, undefined, claims] as const),
    );
    const backend = await service.waitUntilBlocked('claim_batch');
    freeze(backend);
    await holder.run('update coupons set paused = true where name = any($1)', [
      couponNames(claims),
    ]);
    await holder.run('commit');
    await holder.end();
    await expectFenced(claims, pending, backend);
  });
});

describe.each(batchKinds)(
  'a backend that is suspended in a %s while it holds its locks',
  (kind) => {
    async function freezeWithLocks<Result>(claim: (claim: Claims[number]) => Promise<Result>) {
      const claims = await service.newClaims(kind);
      const holder = await service.beginManually();
      await service.insertUncommitted(holder, claims);
      const { pending } = await service.loseAnswer(kind, undefined, claim, undefined, claims);
      const backend = await service.waitUntilBlocked(kind);
      freeze(backend);
      await holder.end();
      return { claims, pending, backend };
    }

    it('stops only its coupons, and its claims are stored when it wakes up in time', async () => {
      await start(patience);
      const { claims, pending, backend } = await freezeWithLocks(service.untilDecided);
      service.proxy.breakAll();
      await service.waitForLosses(couponNames(claims).length, 0);
      await claimAnotherCoupon();
      wake(backend);
      const histories = await Promise.all(pending);
      expect(tally(lastAnswers(histories))).toEqual({ 200: 3 });
      expect(await service.voidMarks(claims)).toBe(0);
      expect(await service.wrongAnswers(claims, histories)).toEqual([]);
    });

    it('leaves its claims unknown after their timeout, and lets others of its coupons be refused', async () => {
      await start({ CLAIM_TIMEOUT_MS: '2500', DATABASE_LOCK_TIMEOUT_MS: '900' });
      const { claims, pending, backend } = await freezeWithLocks(service.once);
      await service.waitForLosses(couponNames(claims).length, 0);
      const couponName = claims[0]?.couponName as string;
      const late = service.once({ couponName, userId: 'late', key: 'late' });
      const others = claimAnotherCoupon();
      for (const one of [late, others]) one.catch(() => undefined);
      const answers = await Promise.all(pending);
      expect(tally(answers)).toEqual({ '503 outcome_unknown': 3 });
      await others;
      const { code, effect } = (await late).body;
      expect(effect).toBe('none');
      // The void mark must fail before the claim expires.
      if (code === 'overloaded') missed('no void mark failed while the late claim waited');
      expect(code).toBe('unavailable');
      await wakeAndWaitForEnd(backend);
      const histories = historiesOf(claims, answers);
      expect(await service.wrongAnswers(claims, histories)).toEqual([]);
    });
  },
);

describe('backends that are suspended at any moment of a sale', () => {
  it('lose no claim and cause no wrong answer', async () => {
    await start({ DATABASE_CLAIM_CONNECTIONS: '2', CLAIM_TIMEOUT_MS: '600' });
    const random = seededRandom(7);
    const names = range(6).map((index) => `sale ${index}`);
    // More than can be sold during the test.
    for (const name of names) await service.crowd.createCoupon(service.app.url, name, 1_000_000);
    const claims: Claims[number][] = [];
    const histories: Promise<History>[] = [];
    let isOver = false;
    const client = async () => {
      while (!isOver) {
        const index = claims.length;
        // Every other claim is of one coupon, so that there are batches and multi-coupon batches.
        const couponName = names[index % 2 === 0 ? 0 : index % names.length] as string;
        const claim = { couponName, userId: `user-${index}`, key: `key-${index}` };
        claims.push(claim);
        const history = service.untilDecided(claim);
        histories.push(history);
        await history;
      }
    };
    const clients = range(12).map(client);
    const seen = { withLocks: 0, withoutLocks: 0 };
    const giveUpMs = performance.now() + 100_000;
    const hasSeenAll = async () =>
      Math.min(...Object.values(seen)) >= 2 && (await service.losses()) > 0;
    while (!(await hasSeenAll()) && performance.now() < giveUpMs) {
      await lastFor(random() * 20);
      const busy = await query<{ pid: number }>(
        `select pid from pg_stat_activity where application_name = 'firstcome'
         and state = 'active' and query like '%claim_b%'`,
      );
      const backend = busy[0]?.pid;
      if (backend === undefined || !freezeIfThere(backend)) continue;
      // It may hold a lock that the whole server needs; then no query returns before it wakes up.
      let isAsleep = true;
      const locking = query('select from coupons where name = any($1) for update skip locked', [
        names,
      ]).then((free) => {
        if (isAsleep) seen[free.length < names.length ? 'withLocks' : 'withoutLocks'] += 1;
      });
      // After half the claim timeout the service gives the connection up.
      await lastFor(random() * 500);
      isAsleep = false;
      wake(backend);
      await locking;
    }
    isOver = true;
    await Promise.all(clients);
    expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(1);
    await service.waitUntilIdle();
    expect(await service.audit(claims, await Promise.all(histories))).toEqual([]);
    expect(await service.losses()).toBeGreaterThan(0);
  });
});
