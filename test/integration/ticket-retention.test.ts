// SPDX-License-Identifier: GPL-3.0-or-later
/** How final states of tickets are deleted, and when. */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { postgresDutyLeases } from '../../src/adapters/postgres/duties/duty-leases.ts';
import { postgresOutcomeRetention } from '../../src/adapters/postgres/outcomes/outcome-store.ts';
import { postgresTicketRetention } from '../../src/adapters/postgres/tickets/ticket-retention-store.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import type { Lease } from '../../src/core/duties/ports.ts';
import { TicketRetention } from '../../src/core/duties/ticket-retention.ts';
import { FixedClock } from '../support/fixed-clock.ts';
import { ticketTimes } from '../support/stores.ts';
import { schema } from '../support/test-database.ts';
import { openTicketStores, type TicketStores } from '../support/tickets.ts';
import { waitFor } from '../support/wait-for.ts';

let setup: TicketStores;
let lease: Lease;

beforeAll(async () => {
  setup = await openTicketStores();
  const acquired = await postgresDutyLeases(setup.forQueries, 'shop/1').acquire('ticket_retention');
  if (acquired === undefined) throw new Error('the lease is not free');
  lease = acquired;
  await setup.query(`update duties set expires_at = 'infinity' where name = 'ticket_retention'`);
});

afterAll(() => setup.close());

beforeEach(() => setup.query('truncate tickets'));

const storeOf = (slice?: number) =>
  postgresTicketRetention(setup.forQueries, ticketTimes.retentionSeconds, slice);

/** Plants tickets that were accepted so many seconds ago, with an id that a node made so many seconds ago. */
const plant = (acceptedAgo: number, idAgo: number, count = 1) =>
  setup.query(
    `insert into tickets (claim_id, accepted_at, decided_at, outcome)
     select (lpad(to_hex(floor(extract(epoch from now() - make_interval(secs => $2::integer)) * 1000)::bigint), 12, '0')
       || '7' || substr(md5(n::text || $2::text), 1, 19))::uuid,
       now() - make_interval(secs => $1::integer), now(), 'sold_out'
     from generate_series(1, $3::integer) n`,
    [acceptedAgo, idAgo, count],
  );

const agesLeft = async () =>
  (
    await setup.query<{ age: number }>(
      'select round(extract(epoch from now() - accepted_at))::integer as age from tickets order by 1',
    )
  ).map(({ age }) => age);

async function deleteAll(slice?: number): Promise<number[]> {
  const deleted: number[] = [];
  let after: string | undefined;
  do {
    const result = await storeOf(slice).deleteOld(lease, after);
    if (result === 'lease_lost') throw new Error('the lease is lost');
    deleted.push(result.deleted);
    after = result.next;
  } while (after !== undefined);
  return deleted;
}

it('deletes what was accepted before the retention, in slices along the ids', async () => {
  await plant(7_300, 7_300, 25);
  await plant(7_100, 7_100, 5);
  expect(await deleteAll(10)).toEqual([10, 10, 5]);
  expect(new Set(await agesLeft())).toEqual(new Set([7_100]));
});

it('keeps a ticket by its time of acceptance, whatever the clock of its node was', async () => {
  // The node's clock was behind by years, or ahead by a minute.
  await plant(100, 100_000_000, 12);
  await plant(7_300, 7_300, 12);
  await plant(7_220, 7_160);
  expect(await deleteAll(5)).toEqual([0, 0, 3, 5, 4]);
  expect(new Set(await agesLeft())).toEqual(new Set([100, 7_220]));
});

it('deletes nothing without a valid lease', async () => {
  await plant(7_300, 7_300);
  const late = { ...lease, epoch: String(Number(lease.epoch) - 1) };
  expect(await storeOf().deleteOld(late, undefined)).toBe('lease_lost');
  expect(await agesLeft()).toHaveLength(1);
});

it('reads old tickets only, whatever the table holds', async () => {
  const session = new pg.Client({
    ...{ connectionString: setup.url, options: `-c search_path=${schema}` },
  });
  await session.connect();
  const pages: number[] = [];
  for (const kept of [0, 20_000]) {
    await plant(1_000, 1_000, kept);
    await plant(7_300, 7_300, 10);
    const { rows } = await session.query(
      'explain (analyze, buffers, format json) select * from delete_old_tickets($1, $2, $3, 1000)',
      [lease.epoch, '00000000-0000-0000-0000-000000000000', ticketTimes.retentionSeconds],
    );
    const { Plan: plan } = rows[0]['QUERY PLAN'][0];
    pages.push(plan['Shared Hit Blocks'] + plan['Shared Read Blocks']);
  }
  await session.end();
  expect(await agesLeft()).toHaveLength(20_000);
  // The first call also reads the catalogue.
  expect(pages[1]).toBeLessThan(pages[0] as number);
});

it('is a duty that deletes all that is old, again and again', async () => {
  const clock = new FixedClock();
  const retention = new TicketRetention({
    ...{ store: storeOf(10), outcomes: postgresOutcomeRetention(setup.forQueries) },
    ...{ clock, warn: () => undefined },
  });
  await plant(7_300, 7_300, 25);
  const end = retention.begin(lease);
  await waitFor('the old tickets to be deleted', async () => retention.deleted >= 25);
  await plant(7_300, 7_300, 1);
  await clock.advance(60_000);
  await waitFor('the next one to be deleted', async () => retention.deleted >= 26);
  await end();
});

it('leaves the ticket of a claim that comes after the deletion without a row', async () => {
  const { newCoupon, claimsOf, decide, read, results, remaining } = setup;
  const name = await newCoupon(3);
  const claims = claimsOf(name, ['a']);
  await decide(claims);
  await setup.query(`update tickets set accepted_at = now() - interval '3 hours'`);
  const old = claims.map((claim) => ({
    ...claim,
    ticket: { acceptedAtMs: Date.now() - 10_800_000 },
  }));
  // As if its node's clock had been behind.
  await setup.query(`update tickets set claim_id = $1`, [newId().replace(/^.{8}/, '01000000')]);
  await deleteAll();
  expect(await agesLeft()).toEqual([]);
  await decide(old);
  expect(await results(old)).toEqual([undefined]);
  expect(await read(old)).toEqual(['gone']);
  expect(await remaining(name)).toBe(2);
});

it('deletes counts of outcomes that are older than any read may want, in slices, and keeps the gap at their beginning', async () => {
  await setup.query(
    `insert into outcome_seconds select 1, floor(extract(epoch from now()))::bigint - ago, '{}', '{}', 0
     from unnest(array[900, 1190, 1210, 1300, 9000]) ago`,
  );
  await setup.query(
    `insert into outcome_gaps values (0, 1), (5, 6), (8, floor(extract(epoch from now()))::bigint)`,
  );
  const store = postgresOutcomeRetention(setup.forQueries, 2);
  const lost = { ...lease, epoch: String(Number(lease.epoch) + 1) };
  expect(await store.deleteOld(lost)).toBe('lease_lost');
  expect(await store.deleteOld(lease)).toEqual({ hasMore: true });
  expect(await store.deleteOld(lease)).toEqual({ hasMore: false });
  const [left] = await setup.query<{ seconds: string; gaps: string }>(
    `select (select count(*) from outcome_seconds) as seconds,
       (select string_agg(first_second::text, ' ' order by first_second) from outcome_gaps) as gaps`,
  );
  expect(left).toEqual({ seconds: '2', gaps: '0 8' });
});
