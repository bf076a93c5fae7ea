// SPDX-License-Identifier: GPL-3.0-or-later
/** Gives a running service a webhook and a coupon with a saga, and takes both away again. */
import type { BenchDatabase } from './database-server.ts';
import { claim, sendAll } from './set-up.ts';

/** A service under test, its database, and who gets its events. */
export type EventsService = { url: string; database: BenchDatabase; receiverUrl: string };

const events = ['claim.reserved', 'claim.confirmed', 'claim.released', 'claim.redeemed'];
const eventsOfCoupons = ['sold_out', 'stock_low', 'back_in_stock', 'opened', 'closed'];
// A service looks once a second whether anything needs events.
const lookMs = 1_500;

/** Creates a webhook for all events, and waits until the service has delivered one, of a claim of this coupon by this user. */
export async function beginWebhook(
  { url, database, receiverUrl }: EventsService,
  first: { coupon: string; user: number },
): Promise<void> {
  const response = await fetch(`${url}/api/webhooks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      url: new URL('/hook', receiverUrl).href,
      events: [...events, ...eventsOfCoupons.map((name) => `coupon.${name}`)],
    }),
  });
  if (response.status !== 201) throw new Error(`a webhook got ${response.status}`);
  await sendAll(url, [claim(first.coupon, first.user)]);
  await until(
    database,
    `select exists (select from webhook_deliveries where state = 'D') as is_done`,
  );
}

/** Ends all webhooks and sagas of the service, with what is left of their work. It is then as if there had been none. */
export async function endEvents({ url, database }: EventsService): Promise<void> {
  const webhooks = await database.query<{ id: string }>('select id from webhooks');
  for (const { id } of webhooks) {
    const { status } = await fetch(`${url}/api/webhooks/${id}`, { method: 'DELETE' });
    if (status >= 300) throw new Error(`the end of a webhook got ${status}`);
  }
  // Under the lock of the relay, so that it begins nothing of this again.
  await database.query(`do $$ begin
    perform from duties where name = 'event_relay' for update;
    update coupons set saga = null where saga is not null;
    delete from event_relay;
    truncate webhook_deliveries, sagas, saga_steps;
  end $$`);
  await new Promise((resolve) => setTimeout(resolve, lookMs));
  await until(
    database,
    'select not exists (select from webhook_deliveries) and not exists (select from sagas) as is_done',
  );
}

/** How many events were delivered and how many sagas have ended. */
export async function countDone(
  database: BenchDatabase,
): Promise<{ delivered: number; sagas: number }> {
  const [row] = await database.query<{ delivered: number; sagas: number }>(
    `select (select count(*)::integer from webhook_deliveries where state = 'D') as delivered,
       (select count(*)::integer from sagas where state = 'D') as sagas`,
  );
  return row ?? { delivered: 0, sagas: 0 };
}

/** Waits until the whole ledger has become events and sagas, all events are delivered and all sagas have ended. */
export async function untilDone(database: BenchDatabase): Promise<void> {
  await until(
    database,
    `select not exists (select from event_relay) or not (
       exists (select from webhook_deliveries where state = 'P')
       or exists (select from sagas where state in ('R', 'C'))
       or exists (
         select from coupons c left join event_cursors e on e.coupon_id = c.id
         where c.ledger_seq > coalesce(e.seq, 0)
       )
     ) as is_done`,
  );
}

async function until(database: BenchDatabase, sql: string): Promise<void> {
  for (;;) {
    const [row] = await database.query<{ is_done: boolean }>(sql);
    if (row?.is_done) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
