// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { auditRecords, type Query } from '../support/audit.ts';
import { tally } from '../support/crowd.ts';
import {
  type BatchKind,
  batchKinds,
  historiesOf,
  InDoubtService,
  lastAnswers,
} from '../support/in-doubt.ts';
import { openPool } from '../support/open-pool.ts';
import { type OwnPostgres, startOwnPostgres } from '../support/own-postgres.ts';
import { patience } from '../support/service.ts';
import { missed, waitFor } from '../support/wait-for.ts';

let postgres: OwnPostgres;
let pool: pg.Pool;
let service: InDoubtService;

const query: Query = async (sql, values) => (await pool.query(sql, values)).rows;

beforeAll(async () => {
  postgres = await startOwnPostgres({});
  pool = openPool({ connectionString: postgres.url(), max: 4 });
});

afterAll(async () => {
  await pool.end();
  await postgres.remove();
});

async function start(env: Record<string, string> = patience, url = postgres.url()): Promise<void> {
  service = await InDoubtService.start({ url, query }, env);
}

afterEach(async () => {
  await service.stop();
});

type Trouble = {
  code: string;
  /** Whether the error is raised with the insert, or only at the commit. */
  at: 'insert' | 'commit';
  /** How many claims fail. */
  times: number;
  /** Only claims of this user fail. */
  user?: string;
};

/** Makes claims fail in the database, until the returned function is called. */
async function makeClaimsFail({
  code,
  at,
  times,
  user = '%',
}: Trouble): Promise<() => Promise<void>> {
  await query('create sequence failures');
  await query(
    `create function fail() returns trigger language plpgsql as $$
     begin
       if new.user_id like '${user}' and nextval('failures') <= ${times} then
         raise 'trouble' using errcode = '${code}';
       end if;
       return new;
     end $$`,
  );
  await query(
    at === 'insert'
      ? 'create trigger fail before insert on claims for each row execute function fail()'
      : `create constraint trigger fail after insert on claims deferrable initially deferred
         for each row execute function fail()`,
  );
  return async () => {
    await query('drop trigger fail on claims');
    await query('drop function fail');
    await query('drop sequence failures');
  };
}

describe.each(batchKinds)('a %s that meets an error', (kind) => {
  const lanes = kind === 'claim_batch' ? 1 : 3;

  it.each([
    ['XX000', 'insert', 'lost'],
    ['XX000', 'commit', 'lost'],
    ['53100', 'insert', 'lost'],
    ['53100', 'commit', 'lost'],
    ['P0001', 'commit', 'known'],
    ['40001', 'commit', 'known'],
    ['57014', 'commit', 'known'],
  ] as const)(
    'decides every claim and gives no wrong answer after one error %s at %s',
    async (code, at, fate) => {
      await start();
      const end = await makeClaimsFail({ code, at, times: 1 });
      const { claims, pending } = await service.loseAnswer(kind, undefined, service.untilDecided);
      const histories = await Promise.all(pending);
      await end();
      expect(tally(lastAnswers(histories))).toEqual({ 200: 3 });
      expect(await service.losses()).toBe(fate === 'lost' ? lanes : 0);
      expect(await service.voidMarks(claims)).toBe(fate === 'lost' ? lanes : 0);
      expect(await service.wrongAnswers(claims, histories)).toEqual([]);
    },
  );

  it.each(['insert', 'commit'] as const)(
    'refuses only the claim that fails with 23514 at %s',
    async (at) => {
      await start();
      const end = await makeClaimsFail({ code: '23514', at, times: 1_000, user: 'user-1' });
      const { claims, pending } = await service.loseAnswer(kind, undefined, service.once);
      const answers = await Promise.all(pending);
      const histories = historiesOf(claims, answers);
      expect(tally(answers)).toEqual({ 200: 2, '503 unavailable': 1 });
      await service.waitUntilIdle();
      expect(await service.holders(claims)).toEqual(['user-0', 'user-2']);
      await end();
      expect(await service.losses()).toBe(0);
      expect(await service.wrongAnswers(claims, histories)).toEqual([]);
    },
  );

  it('writes few void marks while each try fails with XX000, and decides the claims after that', async () => {
    await start({ CLAIM_TIMEOUT_MS: '1000', DATABASE_LOCK_TIMEOUT_MS: '200' });
    const end = await makeClaimsFail({ code: 'XX000', at: 'commit', times: 1_000_000 });
    const { claims, pending } = await service.loseAnswer(kind, undefined, service.once);
    const answers = await Promise.all(pending);
    await end();
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 503]);
    expect(await service.wrongAnswers(claims, historiesOf(claims, answers))).toEqual([]);
    const voidMarks = (await service.voidMarks(claims)) / lanes;
    expect(voidMarks).toBeGreaterThanOrEqual(1);
    expect(voidMarks).toBeLessThan(12);
  });

  it('decides the claims after their backend was terminated (57P01)', async () => {
    await start();
    const claims = await service.newClaims(kind);
    const holder = await service.block(kind, claims);
    const { pending } = await service.loseAnswer(
      kind,
      undefined,
      service.untilDecided,
      undefined,
      claims,
    );
    const backend = await service.waitUntilBlocked(kind);
    await query('select pg_terminate_backend($1)', [backend]);
    await service.waitForLosses(lanes, 0);
    await holder.end();
    const histories = await Promise.all(pending);
    expect(tally(lastAnswers(histories))).toEqual({ 200: 3 });
    expect(await service.voidMarks(claims)).toBe(lanes);
    expect(await service.wrongAnswers(claims, histories)).toEqual([]);
  });

  it('refuses the claims when their statement is cancelled while it waits (57014)', async () => {
    await start();
    const claims = await service.newClaims(kind);
    const holder = await service.block(kind, claims);
    const { pending } = await service.loseAnswer(kind, undefined, service.once, undefined, claims);
    await query('select pg_cancel_backend($1)', [await service.waitUntilBlocked(kind)]);
    if (kind === 'claim_multi_coupon') {
      // Each claim is now sent alone, and one of them waits again.
      await query('select pg_cancel_backend($1)', [await service.waitUntilBlocked('claim_batch')]);
    }
    const answers = await Promise.all(pending);
    const refused = { '503 unavailable': kind === 'claim_batch' ? 3 : 1 };
    expect(tally(answers)).toEqual(kind === 'claim_batch' ? refused : { 200: 2, ...refused });
    await holder.end();
    expect(await service.losses()).toBe(0);
    expect(await service.wrongAnswers(claims, historiesOf(claims, answers))).toEqual([]);
  });
});

describe('a synchronous standby that is not there', () => {
  // Claims that stay unknown are answered at their timeout.
  const timeout = { CLAIM_TIMEOUT_MS: '8000' };

  async function setStandby(name: string): Promise<void> {
    await query(`alter system set synchronous_standby_names = '${name}'`);
    await query('select pg_reload_conf()');
    await waitFor('new setting', async () => {
      const [row] = await postgres.query(`show synchronous_standby_names`);
      return row?.synchronous_standby_names === name;
    });
    // Sessions show the setting before the checkpointer applies it, and wait only from then on.
    if (name !== '') await waitFor('commits that wait', doesCommitWait);
  }

  /** Whether a commit waits for a standby now; the commit that tries it is cancelled. */
  async function doesCommitWait(): Promise<boolean> {
    let isEnded = false;
    const probe = query(`select pg_logical_emit_message(true, 'probe', '')`)
      .catch(() => undefined)
      .finally(() => {
        isEnded = true;
      });
    for (;;) {
      const cancelled = await query(
        `select pg_cancel_backend(pid) from pg_stat_activity
         where wait_event = 'SyncRep' and query like '%probe%' and pid <> pg_backend_pid()`,
      );
      if (cancelled.length > 0 || isEnded) {
        await probe;
        return cancelled.length > 0;
      }
    }
  }

  /** Sends claims whose commit then waits for the standby. */
  async function sendUnconfirmed(kind: BatchKind) {
    const claims = await service.newClaims(kind);
    await setStandby('absent');
    const { pending } = await service.loseAnswer(kind, undefined, service.once, undefined, claims);
    return { claims, pending };
  }

  const quiet = () => {
    const url = new URL(postgres.url());
    url.searchParams.set('options', '-c client_min_messages=error');
    return url.href;
  };

  it.each(
    batchKinds.flatMap((kind) =>
      (['pg_cancel_backend', 'pg_terminate_backend'] as const).map((end) => [end, kind] as const),
    ),
  )('leaves claims unknown when %s ends the wait of their %s', async (end, kind) => {
    // Even when the session's client_min_messages suppresses warnings.
    await start(timeout, quiet());
    try {
      const { claims, pending } = await sendUnconfirmed(kind);
      let isAnswered = false;
      const answering = Promise.all(pending).finally(() => {
        isAnswered = true;
      });
      let isEnded = false;
      // A batch that is sent again meets a claim that is stored but not replicated, and is no proof either.
      await waitFor('answers', async () => {
        const rows = await query<{ query: string }>(
          `select ${end}(pid), query from pg_stat_activity
           where wait_event = 'SyncRep' and application_name = 'firstcome'`,
        );
        for (const row of rows) if (row.query.includes(kind)) isEnded = true;
        return isAnswered;
      });
      const answers = await answering;
      expect(tally(answers)).toEqual({ '503 outcome_unknown': 3 });
      if (!isEnded) missed('the service gave the batch up before its wait was ended');
      expect(await service.holders(claims)).toEqual(['user-0', 'user-1', 'user-2']);
      await setStandby('');
      const histories = historiesOf(claims, answers);
      expect(await service.wrongAnswers(claims, histories)).toEqual([]);
      for (const [index, claim] of claims.entries()) {
        const again = (await service.untilDecided(claim)).answers.at(-1);
        expect(again?.headers['idempotency-replayed']).toBe('true');
        expect(again?.body.claim_id).toBe(answers[index]?.body.claim_id);
      }
    } finally {
      await setStandby('');
    }
  });

  it('delays every answer that relies on stored rows until the standby confirms', async () => {
    await start({
      ...timeout,
      DATABASE_CLAIM_CONNECTIONS: '4',
      DATABASE_STATEMENT_TIMEOUT_MS: '10000',
    });
    const { app, crowd } = service;
    const newCoupon = async (name: string) => {
      await crowd.createCoupon(app.url, name, 9);
      return name;
    };
    // One coupon for each request, since a commit that waits for the standby holds the coupon's lock.
    const [replayed, held, added] = [
      await newCoupon('replayed'),
      await newCoupon('held'),
      await newCoupon('added'),
    ];
    const again = { couponName: replayed, userId: 'ada', key: 'one intent' };
    const fresh = { couponName: await newCoupon('fresh'), userId: 'eve', key: 'another intent' };
    const addStock = () =>
      crowd.send(app.url, {
        ...{ method: 'POST', path: `/api/coupons/${added}/stock`, body: { add: 5 } },
        headers: { 'idempotency-key': 'one addition' },
      });
    const first = await crowd.claim(app.url, again);
    await crowd.claim(app.url, { couponName: held, userId: 'ada' });
    expect((await addStock()).status).toBe(200);

    await setStandby('absent');
    try {
      const answers = await Promise.all([
        crowd.claim(app.url, again),
        crowd.claim(app.url, { couponName: held, userId: 'ada' }),
        crowd.claim(app.url, fresh),
        addStock(),
      ]);
      expect(tally(answers)).toEqual({ '503 outcome_unknown': 4 });
    } finally {
      await setStandby('');
    }

    const replay = await crowd.claimUntilDecided(app.url, again);
    expect(replay.answers.at(-1)?.body.claim_id).toBe(first.body.claim_id);
    const claim = await crowd.claimUntilDecided(app.url, fresh);
    expect(claim.answers.at(-1)?.status).toBe(200);
    await waitFor('stock that is added', async () => (await addStock()).status === 200);
    expect((await addStock()).body.amount).toBe(14);
    expect(await auditRecords(query)).toEqual([]);
  });
});
