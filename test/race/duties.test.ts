// SPDX-License-Identifier: GPL-3.0-or-later
/** A process that is paused past its lease in the middle of its duty, while another one takes over. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  endServiceProcesses,
  patience,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts';
import { openStores, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

type Node = { name: string; process: ServiceProcess };

let database: TestDatabase;
let stores: Stores;
let nodes: Node[];

beforeAll(async () => {
  database = await createTestDatabase();
  stores = openStores(database.url);
  await stores.createCoupon('SALE', 1_000_000);
  await database.query(`update coupons set hold_seconds = 60`);
  // Which node has released something, and when.
  await database.query('create table writes (name text, at timestamptz)');
  await database.query(`create function note_write() returns trigger language plpgsql as $$
    begin
      insert into writes values (current_setting('application_name'), clock_timestamp());
      return null;
    end $$`);
  await database.query(`create trigger note after insert on released_claims
    for each statement execute function note_write()`);
  nodes = await Promise.all(['first', 'second'].map(start));
});

afterAll(async () => {
  await endServiceProcesses();
  await stores.close();
  await database.drop();
});

async function start(name: string): Promise<Node> {
  const url = new URL(database.url);
  url.searchParams.set('application_name', name);
  const env = { ...patience, DATABASE_URL: url.href };
  return { name, process: await startServiceProcess(env) };
}

/** Adds claims whose holds have expired, after the ones that there are. */
const plantHolds = (count: number) =>
  database.query(`
    with planted as (
      insert into claims (coupon_id, user_id, position, claim_id, claimed_at, expires_at)
      select c.id, gen_random_uuid()::text,
        c.amount - c.remaining_amount + c.returned_units + n, gen_random_uuid(), now(),
        now() - interval '1 second'
      from coupons c, generate_series(1, ${count}) n
      returning 1
    )
    update coupons set remaining_amount = remaining_amount - ${count}
    where (select count(*) from planted) > 0`);

async function holder(): Promise<{ node: Node; since: string } | undefined> {
  const [row] = await database.query<{ node: string; since: string }>(
    `select node, held_since::text as since from duties
     where name = 'expiry_sweep' and expires_at > clock_timestamp()`,
  );
  const node = nodes.find(({ process }) => row?.node.endsWith(`/${process.pid}`));
  return row && node && { node, since: row.since };
}

const writesOf = ({ name }: Node, after = '-infinity') =>
  database.query('select * from writes where name = $1 and at > $2', [name, after]);

it('a process that was paused past its lease writes nothing when it resumes', async () => {
  const { node: paused } = await waitFor('holder', holder);
  await plantHolds(40_000);
  await waitFor('sweep', async () => (await writesOf(paused)).length > 2);
  paused.process.signal('SIGSTOP');
  const { node: next, since } = await waitFor('another holder', async () => {
    const now = await holder();
    return now?.node === paused ? undefined : now;
  });
  await waitFor('sweep by the other', async () => (await writesOf(next)).length > 0);
  // There is always something to release for a sweep that goes on.
  for (let round = 0; round < 20; round += 1) {
    await plantHolds(200);
    if (round === 0) paused.process.signal('SIGCONT');
  }
  await waitFor('end of its duty', () => paused.process.output().includes('lost the lease'));
  await waitFor('end of all holds', async () => {
    return (await database.query('select from claims where expires_at is not null')).length === 0;
  });
  expect(await writesOf(paused, since)).toEqual([]);
  expect((await holder())?.node).toBe(next);
});
