// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Query } from '../support/audit.ts';
import { type History, tally } from '../support/crowd.ts';
import {
  batchKinds,
  type Claims,
  couponNames,
  historiesOf,
  InDoubtService,
  lastAnswers,
} from '../support/in-doubt.ts';
import { openPool } from '../support/open-pool.ts';
import { type OwnPostgres, startOwnPostgres } from '../support/own-postgres.ts';
import { patience } from '../support/service.ts';
import { SuspendedBackends } from '../support/suspended-backends.ts';
import { missed, waitFor } from '../support/wait-for.ts';

let postgres: OwnPostgres;
let pool: pg.Pool;
let service: InDoubtService;
const backends = new SuspendedBackends();
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
  backends.wakeAll();
  await service.stop();
});

/** Wakes a backend whose client is gone, and waits until it has ended. */
async function wakeAndWaitForEnd(backend: number): Promise<void> {
  backends.wake(backend);
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
        (pid) => void backends.freeze(pid),
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
    backends.freeze(backend);
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
      backends.freeze(backend);
      await holder.end();
      return { claims, pending, backend };
    }

    it('stops only its coupons, and its claims are stored when it wakes up in time', async () => {
      await start(patience);
      const { claims, pending, backend } = await freezeWithLocks(service.untilDecided);
      service.proxy.breakAll();
      await service.waitForLosses(couponNames(claims).length, 0);
      await claimAnotherCoupon();
      backends.wake(backend);
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
