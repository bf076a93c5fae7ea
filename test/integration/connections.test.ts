// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { statement } from '../../src/adapters/postgres/statements.ts';
import { auditRecords } from '../support/audit.ts';
import { range } from '../support/crowd.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { openDatabase } from '../support/open-database.ts';
import { openStores, outcomesOf, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(async () => {
  await database.drop();
});

it('the server compiles no statement of a session, whatever the settings of the database are', async () => {
  await database.query(
    `do $$ begin
       execute format('alter database %I set jit = on', current_database());
       execute format('alter database %I set jit_above_cost = 0', current_database());
     end $$`,
  );
  const connection = openDatabase(database);
  try {
    const shown = { name: 'show-jit', text: 'show jit' };
    expect(await connection.run(shown, [])).toEqual([{ jit: 'off' }]);
  } finally {
    await connection.close();
  }
});

describe('a connection that the server ends', () => {
  let proxy: FaultProxy;
  let connection: Database;
  let lost: Error[];

  beforeEach(async () => {
    proxy = await FaultProxy.before(database.url);
    lost = [];
    connection = openDatabase(
      { url: proxy.urlOf(database.url) },
      { onIdleConnectionLost: (error) => lost.push(error) },
    );
  });

  afterEach(async () => {
    await connection.close();
    await proxy.stop();
  });

  const findNames = () => connection.run(statement('find-coupon-names'), [['LAUNCH']]);

  /** The error that the server sends before it ends a session. */
  const terminated = (() => {
    const fields = ['SFATAL', 'VFATAL', 'C57P01', 'Mterminating connection', ''];
    const body = Buffer.from(`${fields.join('\0')}\0`);
    const head = Buffer.from([0x45, 0, 0, 0, 0]);
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  })();
  const ready = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
  const addTermination = (piece: Buffer) =>
    piece.subarray(-ready.length).equals(ready) ? Buffer.concat([piece, terminated]) : piece;

  it('an error of the server together with its greeting fails the statement, and never the process', async () => {
    proxy.editReply = addTermination;
    await expect(findNames()).rejects.toMatchObject({ name: 'DatabaseFault' });
    proxy.editReply = (piece) => piece;
    expect(await findNames()).toEqual([]);
  });

  it('an error of the server together with an answer ends the connection, and the answer counts', async () => {
    await findNames();
    proxy.editReply = addTermination;
    expect(await findNames()).toEqual([]);
    proxy.editReply = (piece) => piece;
    expect(await findNames()).toEqual([]);
  });

  it('the loss of an idle connection is logged, and the next statement gets another one', async () => {
    await findNames();
    await database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'firstcome'`,
    );
    await waitFor('the lost connection', () => lost.length > 0);
    expect(await findNames()).toEqual([]);
    expect(connection.usage()).toMatchObject({ total: 1, waiting: 0 });
  });

  it('many statements at once run on no more connections than the limit', async () => {
    const answers = await Promise.all(range(50).map(findNames));
    expect(answers.flat()).toEqual([]);
    expect(connection.usage().total).toBeLessThanOrEqual(2);
    expect(connection.usage().waiting).toBe(0);
  });
});

describe('a batch', () => {
  let stores: Stores;

  beforeAll(() => {
    stores = openStores(database.url);
  });

  afterAll(async () => {
    expect(await auditRecords(database.query)).toEqual([]);
    await stores.close();
  });

  it('a batch that loses in a deadlock is retried and decided', async () => {
    await stores.createCoupon('deadlock', 5);
    // The session that closes the circle detects the deadlock after 50 ms, and loses. A gate makes that the batch: it
    // waits there until the other session waits for it.
    await database.query(
      `do $$ begin execute format('alter database %I set deadlock_timeout = %L', current_database(), '50ms'); end $$`,
    );
    await database.query(
      `create function pass_gate() returns trigger language plpgsql as
       $$ begin perform pg_advisory_xact_lock_shared(1); return new; end $$`,
    );
    await database.query(
      `create trigger pass_gate before insert on claims for each row
       when (current_setting('application_name') = 'firstcome') execute function pass_gate()`,
    );
    const gate = new pg.Client({ connectionString: database.url });
    await gate.connect();
    await gate.query('select pg_advisory_lock(1)');
    const patient = openStores(database.url, { lockTimeoutMs: 20_000, claimTimeoutMs: 60_000 });
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    await other.query(`set deadlock_timeout = '60s'`);
    await other.query('begin');
    await other.query(
      `insert into claims (coupon_id, user_id, position, claim_id, claimed_at)
       select id, 'ada', 5, gen_random_uuid(), now() from coupons where name = 'deadlock'`,
    );
    const deciding = patient.decide('deadlock', ['ada']);
    const untilWaiting = (sessions: number) =>
      waitFor('sessions that wait for a lock', async () => {
        const waiting = await database.query(
          `select from pg_stat_activity
           where datname = current_database() and wait_event_type = 'Lock'`,
        );
        return waiting.length >= sessions;
      });
    await untilWaiting(1);
    // Granted after the batch has lost; its retry then waits for this transaction alone.
    const locking = other.query(`select from coupons where name = 'deadlock' for update`);
    await untilWaiting(2);
    await gate.end();
    await locking;
    await other.query('rollback');
    await other.end();
    expect(outcomesOf(await deciding)).toEqual(['claimed']);
    await patient.close();
    await database.query('drop trigger pass_gate on claims');
  });

  it.each([
    ['40001', 2, 'claimed'],
    ['40P01', 2, 'claimed'],
    ['40001', 3, 'refused: busy'],
    ['23514', 1, 'refused: refused'],
    ['57014', 1, 'refused: busy'],
    ['XX000', 1, 'unknown'],
  ])(
    'a batch that the database refuses with %s, %i times in a row, ends as %s',
    async (code, times, outcome) => {
      const name = `conflict ${code} ${times}`;
      await stores.createCoupon(name, 5);
      await database.query('create sequence tries');
      await database.query(
        `create function fail_at_first() returns trigger language plpgsql as $$
       begin
         if nextval('tries') <= ${times} then raise 'not now' using errcode = '${code}'; end if;
         return new;
       end $$`,
      );
      await database.query(
        'create trigger fail_at_first before insert on claims for each row execute function fail_at_first()',
      );
      const answer = await stores.decide(name, ['ada']);
      const [tries] = await database.query('select last_value::integer as tries from tries');
      await database.query('drop trigger fail_at_first on claims');
      await database.query('drop function fail_at_first');
      await database.query('drop sequence tries');
      expect(outcomesOf(answer)).toEqual([outcome]);
      expect(tries).toEqual({ tries: outcome === 'claimed' ? times + 1 : times });
    },
  );
});
