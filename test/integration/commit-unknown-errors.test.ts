// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { auditRecords, type Query } from '../support/audit.ts';
import { tally } from '../support/crowd.ts';
import { historiesOf, Limbo, lastOf, type Way, ways } from '../support/in-doubt.ts';
import { type OwnPostgres, startOwnPostgres } from '../support/own-postgres.ts';
import { patience } from '../support/service.ts';
import { waitFor } from '../support/wait-for.ts';

let postgres: OwnPostgres;
let pool: pg.Pool;
let limbo: Limbo;

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

async function start(env: Record<string, string> = patience, url = postgres.url()): Promise<void> {
  limbo = await Limbo.start({ url, query }, env);
}

afterEach(async () => {
  await limbo.stop();
});

type Trouble = {
  code: string;
  /** Whether the error comes with the claim, or only at the commit. */
  at: 'insert' | 'commit';
  /** How many claims fail. */
  times: number;
  /** Only claims of this user fail. */
  user?: string;
};

/** Makes claims fail in the database; the returned function ends that. */
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

describe.each(ways)('a %s that meets an error', (way) => {
  const lanes = way === 'claim_batch' ? 1 : 3;

  it.each([
    ['XX000', 'insert', 'lost'],
    ['XX000', 'commit', 'lost'],
    ['53100', 'insert', 'lost'],
    ['53100', 'commit', 'lost'],
    ['P0001', 'commit', 'known'],
    ['40001', 'commit', 'known'],
    ['57014', 'commit', 'known'],
  ] as const)(
    '%s at %s, once, is decided all the same, and nobody is told a lie',
    async (code, at, fate) => {
      await start();
      const end = await makeClaimsFail({ code, at, times: 1 });
      const { asks, told } = await limbo.lose(way, undefined, limbo.untilDecided);
      const histories = await Promise.all(told);
      await end();
      expect(tally(lastOf(histories))).toEqual({ 200: 3 });
      expect(await limbo.losses()).toBe(fate === 'lost' ? lanes : 0);
      expect(await limbo.marks(asks)).toBe(fate === 'lost' ? lanes : 0);
      expect(await limbo.lies(asks, histories)).toEqual([]);
    },
  );

  it.each(['insert', 'commit'] as const)(
    '23514 at %s, of one claim, refuses that claim alone',
    async (at) => {
      await start();
      const end = await makeClaimsFail({ code: '23514', at, times: 1_000, user: 'user-1' });
      const { asks, told } = await limbo.lose(way, undefined, limbo.once);
      const answers = await Promise.all(told);
      const histories = historiesOf(asks, answers);
      expect(tally(answers)).toEqual({ 200: 2, '503 unavailable': 1 });
      await limbo.waitForRest();
      expect(await limbo.holders(asks)).toEqual(['user-0', 'user-2']);
      await end();
      expect(await limbo.losses()).toBe(0);
      expect(await limbo.lies(asks, histories)).toEqual([]);
    },
  );

  it('XX000 each time it is sent writes few marks, and is decided when that ends', async () => {
    await start({ CLAIM_TIMEOUT_MS: '1000', DATABASE_LOCK_TIMEOUT_MS: '200' });
    const end = await makeClaimsFail({ code: 'XX000', at: 'commit', times: 1_000_000 });
    const { asks, told } = await limbo.lose(way, undefined, limbo.once);
    const answers = await Promise.all(told);
    await end();
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 503]);
    expect(await limbo.lies(asks, historiesOf(asks, answers))).toEqual([]);
    const marks = (await limbo.marks(asks)) / lanes;
    expect(marks).toBeGreaterThanOrEqual(1);
    expect(marks).toBeLessThan(12);
  });

  it('57P01, ended by somebody in the middle of it, is decided all the same', async () => {
    await start();
    const asks = await limbo.newAsks(way);
    const holder = await limbo.holdUp(way, asks);
    const { told } = await limbo.lose(way, undefined, limbo.untilDecided, undefined, asks);
    const backend = await limbo.waitUntilHeldUp(way);
    await query('select pg_terminate_backend($1)', [backend]);
    await limbo.waitForLosses(lanes, 0);
    await holder.end();
    const histories = await Promise.all(told);
    expect(tally(lastOf(histories))).toEqual({ 200: 3 });
    expect(await limbo.marks(asks)).toBe(lanes);
    expect(await limbo.lies(asks, histories)).toEqual([]);
  });

  it('57014, cancelled by somebody while it waits, is refused for certain', async () => {
    await start();
    const asks = await limbo.newAsks(way);
    const holder = await limbo.holdUp(way, asks);
    const { told } = await limbo.lose(way, undefined, limbo.once, undefined, asks);
    await query('select pg_cancel_backend($1)', [await limbo.waitUntilHeldUp(way)]);
    if (way === 'claim_bundle') {
      // Each of its claims now goes by itself, and one of them waits again.
      await query('select pg_cancel_backend($1)', [await limbo.waitUntilHeldUp('claim_batch')]);
    }
    const answers = await Promise.all(told);
    const refused = { '503 unavailable': way === 'claim_batch' ? 3 : 1 };
    expect(tally(answers)).toEqual(way === 'claim_batch' ? refused : { 200: 2, ...refused });
    await holder.end();
    expect(await limbo.losses()).toBe(0);
    expect(await limbo.lies(asks, historiesOf(asks, answers))).toEqual([]);
  });
});

describe('a standby that must confirm, but is not there', () => {
  const short = { CLAIM_TIMEOUT_MS: '3000' };

  async function setStandby(name: string): Promise<void> {
    await query(`alter system set synchronous_standby_names = '${name}'`);
    await query('select pg_reload_conf()');
    await waitFor('new setting', async () => {
      const [row] = await postgres.query(`show synchronous_standby_names`);
      return row?.synchronous_standby_names === name;
    });
    // Sessions wait from when the checkpointer has taken the setting over, which is later than that they show it.
    if (name !== '') await waitFor('commits that wait', doesCommitWait);
  }

  /** Whether a commit waits for a standby now; the one that is tried is then cancelled. */
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
  async function sendToNobody(way: Way) {
    const asks = await limbo.newAsks(way);
    limbo.whileHeld = () => setStandby('nobody');
    const { told } = await limbo.lose(way, undefined, limbo.once, undefined, asks);
    return { asks, told };
  }

  const quiet = () => {
    const url = new URL(postgres.url());
    url.searchParams.set('options', '-c client_min_messages=error');
    return url.href;
  };

  it.each(
    ways.flatMap((way) =>
      (['pg_cancel_backend', 'pg_terminate_backend'] as const).map((end) => [end, way] as const),
    ),
  )('is not waited out by %s: what a %s then answers is not believed', async (end, way) => {
    // Also where somebody wants to hear of errors only.
    await start(short, quiet());
    try {
      const { asks, told } = await sendToNobody(way);
      let isTold = false;
      const telling = Promise.all(told).finally(() => {
        isTold = true;
      });
      const ended = new Set<string>();
      // What is sent again meets a claim that is stored but not replicated, and must not be believed either.
      await waitFor('answers', async () => {
        const rows = await query<{ query: string }>(
          `select ${end}(pid), query from pg_stat_activity
           where wait_event = 'SyncRep' and application_name = 'firstcome'`,
        );
        for (const row of rows)
          ended.add(row.query.includes('bundle') ? 'claim_bundle' : 'claim_batch');
        return isTold;
      });
      const answers = await telling;
      expect(tally(answers)).toEqual({ '503 outcome_unknown': 3 });
      expect(ended).toContain(way);
      expect(await limbo.holders(asks)).toEqual(['user-0', 'user-1', 'user-2']);
      await setStandby('');
      const histories = historiesOf(asks, answers);
      expect(await limbo.lies(asks, histories)).toEqual([]);
      for (const [index, ask] of asks.entries()) {
        const again = (await limbo.untilDecided(ask)).answers.at(-1);
        expect(again?.headers['idempotency-replayed']).toBe('true');
        expect(again?.body.claim_id).toBe(answers[index]?.body.claim_id);
      }
    } finally {
      await setStandby('');
    }
  });

  it('keeps every answer that rests on stored rows from being given, and they are given when it ends', async () => {
    await start({
      ...short,
      DATABASE_CLAIM_CONNECTIONS: '4',
      DATABASE_STATEMENT_TIMEOUT_MS: '10000',
    });
    const { app, crowd } = limbo;
    const newCoupon = async (name: string) => {
      await crowd.createCoupon(app.url, name, 9);
      return name;
    };
    // One coupon for each question: who waits for the standby holds the coupon's lock meanwhile.
    const [replayed, held, added] = [
      await newCoupon('replayed'),
      await newCoupon('held'),
      await newCoupon('added'),
    ];
    const again = { couponName: replayed, userId: 'ada', key: 'one intent' };
    const fresh = { couponName: await newCoupon('fresh'), userId: 'eve', key: 'her intent' };
    const addStock = () =>
      crowd.ask(app.url, {
        ...{ method: 'POST', path: `/api/coupons/${added}/stock`, body: { add: 5 } },
        headers: { 'idempotency-key': 'one addition' },
      });
    const first = await crowd.claim(app.url, again);
    await crowd.claim(app.url, { couponName: held, userId: 'ada' });
    expect((await addStock()).status).toBe(200);

    await setStandby('nobody');
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
    await waitFor('answer about the stock', async () => (await addStock()).status === 200);
    expect((await addStock()).body.amount).toBe(14);
    expect(await auditRecords(query)).toEqual([]);
  });
});
