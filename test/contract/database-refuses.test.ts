// SPDX-License-Identifier: GPL-3.0-or-later
/** What a client sees when the database refuses a request that is valid for the API. */
import { describe, expect, it } from 'vitest';
import { constraintMeanings } from '../../src/adapters/postgres/errors/constraints.ts';
import { type Answer, clientOf } from '../support/contract-client.ts';
import { holdCoupon } from '../support/contract-locks.ts';
import { expectInvalid, expectProblem } from '../support/contract-problems.ts';
import { decidesAtOnce, newName, pathOf, useService } from '../support/contract-service.ts';
import { range } from '../support/crowd.ts';
import { patience } from '../support/service.ts';
import { missed, waitFor } from '../support/wait-for.ts';

const service = useService({
  ...decidesAtOnce,
  ...{ ...patience, CLAIM_BATCH_MAX: '1000' },
  // The first claim waits for the lock of its coupon until hundreds of others have arrived.
  ...{ CLAIM_TIMEOUT_MS: '60000', CLAIM_WAIT_MAX_MS: '60000', DATABASE_LOCK_TIMEOUT_MS: '29000' },
});

const create = (name = newName()) => service.client.post('/api/coupons', { name, amount: 5 });

const setSequence = () =>
  service.database.query(
    `select setval(pg_get_serial_sequence('coupons', 'id'), greatest((select max(id) from coupons),
       (select max(coupon_id) from claims), (select max(coupon_id) from stock_ledger)))`,
  );

/** How often a rule of the database has refused a request, as `/metrics` counts it. */
async function refusals(rule: string): Promise<number> {
  const { text } = await service.client.get('/metrics');
  const line = new RegExp(`^firstcome_database_refusals_total\\{rule="${rule}"\\} (\\d+)`, 'm');
  return Number(line.exec(text)?.[1]);
}

/** Sends the claims of these users while the coupon is locked, so that one batch takes all but the first claim. */
async function claimTogether(coupon: string, users: readonly string[]): Promise<Answer[]> {
  const clients = range(Math.ceil(users.length / 25)).map(() => clientOf(service.app.url));
  const held = await holdCoupon(service.database, coupon);
  try {
    let isAnswered = false;
    const first = service.client.claim('first', coupon).finally(() => {
      isAnswered = true;
    });
    await held.untilWaiting();
    const others = Promise.all(
      users.map((user, index) => clients[Math.floor(index / 25)]?.claim(user, coupon)),
    );
    for (const one of [first, others]) one.catch(() => undefined);
    const areWaiting = `\nfirstcome_claims_waiting ${users.length + 1}\n`;
    await waitFor('claims that wait together', async () => {
      return isAnswered || (await service.client.get('/metrics')).text.includes(areWaiting);
    });
    if (isAnswered) missed('the first claim gave up before all others had arrived');
    await held.release();
    expect((await first).status).toBe(200);
    return (await others) as Answer[];
  } finally {
    await held.release();
    for (const client of clients) client.close();
  }
}

describe('a coupon that is created while the id sequence is behind', () => {
  it('a coupon is unavailable while the id sequence is behind, and can be created after setval', async () => {
    for (const name of range(8).map(() => newName())) await service.createCoupon({ name });
    await service.database.query('alter table coupons alter column id restart with 1');
    const [before, counted] = [await service.storedCounts(), await refusals('sequence')];
    for (const name of range(8).map(() => newName('refused'))) {
      const answer = await create(name);
      expectProblem(answer, 'unavailable');
      expectProblem(await service.client.get(pathOf(name)), 'coupon_not_found');
    }
    expect(await service.storedCounts()).toEqual(before);
    expect(await refusals('sequence')).toBe(counted + 8);
    await setSequence();
    expect((await create()).status).toBe(201);
  });
});

describe('a coupon whose id has rows of a removed coupon', () => {
  it('a coupon whose id has ledger rows of a removed coupon is unavailable until setval', async () => {
    await service.createCoupon();
    await service.database.query('truncate coupons restart identity');
    const answer = await create();
    expectProblem(answer, 'unavailable');
    expect(await refusals('leftovers')).toBeGreaterThan(0);
    await setSequence();
    expect((await create()).status).toBe(201);
  });

  it('a leftover claim at a position refuses the claims from there on, and holders still get already_claimed', async () => {
    const coupon = await service.createCoupon({ amount: 100 });
    await service.database.query(
      `insert into claims (coupon_id, user_id, position, claim_id, claimed_at)
       select id, 'of another sale', 4, gen_random_uuid(), created_at - interval '1 day'
       from coupons where name = $1`,
      [coupon],
    );
    const users = [...range(30).map((user) => `user-${user}`), 'first'];
    const answers = await claimTogether(coupon, users);
    expect(answers.slice(0, 2).map(({ json }) => json.position)).toEqual([2, 3]);
    for (const answer of answers.slice(2, 30)) expectProblem(answer, 'unavailable');
    expectProblem(await service.client.claim('user-5', coupon), 'unavailable');
    expectProblem(await service.client.claim('first', coupon), 'already_claimed');
    await service.database.query(`delete from claims where user_id = 'of another sale'`);
    expect((await service.mustClaim(coupon, { user: 'user-5' })).json.position).toBe(4);
  });
});

describe('a coupon whose ledger has a row of a removed coupon', () => {
  it('a leftover ledger row refuses claims and stock without effect, and holders still get already_claimed', async () => {
    const coupon = await service.createCoupon();
    await service.mustClaim(coupon, { user: 'ada' });
    await service.database.query(
      `insert into stock_ledger
         (coupon_id, seq, batch_id, kind, units, remaining_after, recorded_at)
       select id, 3, gen_random_uuid(), 'grant', 5, 5, created_at - interval '1 day'
       from coupons where name = $1`,
      [coupon],
    );
    const before = await service.storedCounts();
    expectProblem(await service.client.claim('eve', coupon), 'unavailable');
    expectProblem(await service.client.post(pathOf(coupon, 'stock'), { add: 1 }), 'unavailable');
    expectProblem(await service.client.claim('ada', coupon), 'already_claimed');
    expect(await service.storedCounts()).toEqual(before);
  });
});

describe('a claim that a constraint of the service refuses', () => {
  // Void marks are tested in test/integration/commit-unknown.test.ts.
  const constraints = [...constraintMeanings].filter(([, meaning]) => !('isVoid' in meaning));

  it.each(constraints)(
    'a claim that the constraint %s refuses does not affect the other claims of its batch',
    async (name, meaning) => {
      const coupon = await service.createCoupon({ amount: 100 });
      const { query } = service.database;
      await query(
        `create function refuse() returns trigger language plpgsql as $$ begin
         if new.user_id = 'refused' then
           raise 'no' using errcode = '23514', constraint = '${name}';
         end if;
         return new;
       end $$`,
      );
      await query(
        'create trigger refuse before insert on claims for each row execute function refuse()',
      );
      try {
        const users = range(10).map((user) => (user === 7 ? 'refused' : `user-${user}`));
        const answers = await claimTogether(coupon, users);
        const [refused] = answers.splice(7, 1) as [Answer];
        if ('field' in meaning) expectInvalid(refused, meaning.field);
        else expectProblem(refused, 'unavailable');
        expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      } finally {
        await query('drop function refuse() cascade');
      }
    },
  );
});

/** The bodies of a trigger that refuses users and names that begin with `refused`, with the error of each. */
const ofAnotherProgram: [sqlState: string, what: string, body: string][] = [
  ['P0001', 'raise exception', `raise exception 'no %', who`],
  ['P0002', 'no row in select into strict', `select who into strict who from pg_class where false`],
  ['P0004', 'assert', `assert false, who`],
  ['22P02', 'a cast', `perform who::integer`],
  ['22003', 'a number out of range', `perform 2147483647 + length(who)`],
  ['22012', 'a division', `perform length(who) / 0`],
  ['22021', 'an encoding', `perform convert_from('\\xff', 'UTF8')`],
  ['22P05', 'a character without equivalent', `perform convert_to(who || '日', 'LATIN1')`],
  ['21000', 'a subquery of two rows', `perform (select 1 from generate_series(1, 2))`],
  ['23502', 'not null', `insert into other (id) values (null)`],
  ['23503', 'a foreign key', `insert into other (id, parent) values (1, 2)`],
  ['23505', 'a unique constraint', `insert into other (id) values (0)`],
  ['23514', 'a check', `insert into other (id) values (-1)`],
  ['23P01', 'an exclusion', `insert into other (id, span) values (1, '[1,2]')`],
  ['44000', 'a view with check option', `insert into small_only (id) values (1000)`],
  ['54001', 'a recursion', `raise exception 'no' using errcode = '54001'`],
  ['2F005', 'a function that returns nothing', `raise exception 'no' using errcode = '2F005'`],
  ['42P01', 'a table that is gone', `perform 1 from gone where name = who`],
  ['MY001', 'a code of its own', `raise exception 'no' using errcode = 'MY001'`],
  ['45000', 'a code as MySQL has it', `raise exception 'no' using errcode = '45000'`],
];

describe('a rule of another program in the database', () => {
  const query = (sql: string) => service.database.query(sql);

  const withRule = async (body: string, act: () => Promise<void>) => {
    await query(`create table other (
      id integer primary key check (id >= 0), parent integer references other (id), span int4range,
      exclude using gist (span with &&))`);
    await query(`insert into other values (0, null, '[1,9]')`);
    await query('create view small_only as select * from other where id < 10 with check option');
    for (const [table, column] of [
      ['claims', 'user_id'],
      ['coupons', 'name'],
    ]) {
      await query(
        `create function refuse_${table}() returns trigger language plpgsql as $$
         declare who text := new.${column}; begin
           if who like 'refused%' then ${body}; end if;
           return new;
         end $$`,
      );
      await query(
        `create trigger refuse before insert or update on ${table}
         for each row execute function refuse_${table}()`,
      );
    }
    try {
      await act();
    } finally {
      for (const table of ['claims', 'coupons']) {
        await query(`drop function refuse_${table}() cascade`);
      }
      await query('drop table other cascade');
    }
  };

  it.each(ofAnotherProgram)(
    'the foreign rule %s (%s) refuses its claim and no other of the batch',
    async (_, __, body) => {
      const coupon = await service.createCoupon({ amount: 100 });
      const counted = (await refusals('foreign')) + (await refusals('value'));
      await withRule(body, async () => {
        const users = range(20).map((user) => (user === 7 ? 'refused' : `user-${user}`));
        const answers = await claimTogether(coupon, users);
        const [refused, ...others] = [...answers.splice(7, 1), ...answers];
        expectProblem(refused as Answer, 'unavailable');
        expect(others.map(({ status }) => status)).toEqual(others.map(() => 200));
      });
      expect((await refusals('foreign')) + (await refusals('value'))).toBeGreaterThan(counted);
      expect((await service.mustClaim(coupon, { user: 'refused' })).json.position).toBe(21);
    },
  );

  it.each(ofAnotherProgram)(
    'the foreign rule %s (%s) refuses to create and change a coupon, and nothing is stored',
    async (_, __, body) => {
      const name = await service.createCoupon({ name: newName('refused') });
      const before = await service.storedCounts();
      await withRule(body, async () => {
        expectProblem(await create(newName('refused')), 'unavailable');
        expectProblem(await service.client.patch(pathOf(name), { paused: true }), 'unavailable');
        expectProblem(await service.client.post(pathOf(name, 'stock'), { add: 1 }), 'unavailable');
      });
      expect(await service.storedCounts()).toEqual(before);
    },
  );

  it('a foreign rule that refuses every claim costs a bounded number of statements', async () => {
    const coupon = await service.createCoupon({ amount: 1000 });
    await withRule(`raise exception 'no'`, async () => {
      const counted = await refusals('foreign');
      const answers = await claimTogether(
        coupon,
        range(400).map((user) => `refused-${user}`),
      );
      for (const answer of answers) expectProblem(answer, 'unavailable');
      expect((await refusals('foreign')) - counted).toBeLessThan(150);
    });
  });
});
