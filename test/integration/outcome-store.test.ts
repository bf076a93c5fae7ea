// SPDX-License-Identifier: GPL-3.0-or-later
/** Counts of outcomes, with the units that are left, as several processes store them. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  postgresOutcomeReader,
  postgresOutcomeStore,
} from '../../src/adapters/postgres/outcomes/outcome-store.ts';
import { openTicketStores, type TicketStores } from '../support/tickets.ts';

let setup: TicketStores;

beforeAll(async () => {
  setup = await openTicketStores();
});

afterAll(() => setup.close());

const counted = (couponName: string, second: number) => ({
  ...{ couponName, second, outcomes: { claimed: 1 }, times: [1], waiting: 0 },
});

/** A second that ended long before it is stored is read back at once. */
const secondsOf = async (couponName: string) => {
  const windows = await postgresOutcomeReader(setup.forQueries).read([couponName], 600);
  return windows.get(couponName)?.seconds ?? [];
};

it('have the units that were left when the last row of a second was stored', async () => {
  const coupon = await setup.newCoupon(100);
  const store = postgresOutcomeStore(setup.forQueries);
  const second = Math.floor((await store.begin()) / 1000) - 60;
  // As three processes have stored them, each soon after the second.
  await setup.query(
    `insert into outcome_seconds (coupon_id, second, outcomes, times, waiting, remaining_amount, stored_at)
     select id, $1, '{"claimed": 1}', '{1}', 0, remaining, now() - make_interval(secs => ago)
     from coupons, (values (41, 2), (40, 1), (42, 3), (null, 0)) as stored (remaining, ago) where name = $2`,
    [second, coupon],
  );
  expect(await secondsOf(coupon)).toMatchObject([
    { second, outcomes: { claimed: 4 }, times: [4], remaining: 40 },
  ]);
});

it('say nothing of the units where they are stored long after the second', async () => {
  const coupon = await setup.newCoupon(5);
  const store = postgresOutcomeStore(setup.forQueries);
  const now = Math.floor((await store.begin()) / 1000);
  // The second that is not over yet stands for the one before, which may be over for long on a busy machine.
  await store.append(
    [counted(coupon, now - 30), counted(coupon, now + 600), counted('', now - 30)],
    undefined,
  );
  const rows = await setup.query(
    `select second - $1 as second, remaining_amount from outcome_seconds
     where coupon_id in (0, (select id from coupons where name = $2)) order by second, remaining_amount`,
    [now, coupon],
  );
  expect(rows.map((row) => Object.values(row).map((value) => value && Number(value)))).toEqual([
    [-30, null],
    [-30, null],
    [600, 5],
  ]);
});
