// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * `npm run bench:webhooks`: delivers a backlog of events to one receiver on this machine, and compares with plain requests of
 * the same size to it. Both take turns; the medians are printed. Exit code 1: the ratio is below the goal.
 */
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { Command } from 'commander';
import { Database } from '../src/adapters/postgres/database.ts';
import { postgresDutyLeases } from '../src/adapters/postgres/duties/duty-leases.ts';
import { postgresDeliveries } from '../src/adapters/postgres/events/delivery-store.ts';
import { postgresEventRelay } from '../src/adapters/postgres/events/event-relay-store.ts';
import { systemClock } from '../src/adapters/system/clock.ts';
import { createSendEvent } from '../src/adapters/webhooks/send-event.ts';
import { type DeliveryOptions, deliverToWebhook } from '../src/core/webhooks/deliver-to-webhook.ts';
import type { Event } from '../src/core/webhooks/webhook.ts';
import { type CleanUp, runCleanly, say } from './clean-up.ts';
import { compiled } from './compile.ts';
import { type BenchDatabase, startDatabaseServer } from './database-server.ts';
import { databaseOptions, parse, wholeNumber } from './options.ts';
import { launch } from './processes.ts';
import { userOf } from './set-up.ts';
import { median, memoryText, shown } from './statistics.ts';

type Options = {
  databaseUrl?: string;
  folder?: string;
  events: number;
  rounds: number;
  inFlight: number;
};

const options = parse<Options>(
  databaseOptions(
    new Command('npm run bench:webhooks --').description(
      'Delivers a backlog of events to one receiver, and compares with plain requests to it.',
    ),
  )
    .option('--events <count>', 'events in the backlog', wholeNumber, 20_000)
    .option('--rounds <count>', 'rounds of both', wholeNumber, 3)
    .option('--in-flight <count>', 'requests that are under way at a time', wholeNumber, 32),
  process.argv.slice(2),
);

const goal = 0.5;
const batchSize = 128;
const schema = 'firstcome';
const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
const migrations = new URL('../src/adapters/postgres/migrations/', import.meta.url);

process.exitCode = await runCleanly(main);

async function main(cleanUp: CleanUp): Promise<number> {
  const { databaseUrl, folder, events, rounds, inFlight } = options;
  const receiver = await launch(
    { args: [compiled('webhook-receiver.ts', cleanUp)], ready: /receives on (http:\S+)/ },
    cleanUp,
  );
  const url = new URL('/hook', receiver.readyValue);
  const server = await startDatabaseServer({ databaseUrl, folder }, cleanUp);
  const database = await server.createDatabase('webhooks');
  const webhookId = await prepare(database, url.href);
  say(`PostgreSQL ${server.version}, ${shown(events)} events, ${inFlight} requests at a time`);
  const connections = open(database.url);
  cleanUp.add(() => connections.close());
  await relay(connections);

  const sender = createSendEvent({
    rules: { allowsHttp: true, allowed: [url.host] },
    userAgent: 'firstcome/bench',
  });
  cleanUp.add(() => sender.close());
  const delivery: DeliveryOptions = {
    ...{ store: postgresDeliveries(connections, randomUUID()), send: sender.send, toBody },
    ...{ clock: systemClock, epochMs: Date.now, random: Math.random },
    inFlightMax: () => inFlight,
  };
  const runs = {
    delivered: () => deliverAll(database, delivery, webhookId),
    plain: () => sendPlainly(url, inFlight, events),
  };
  const rates = { delivered: [] as number[], plain: [] as number[], ratio: [] as number[] };
  // The first round warms up.
  for (let round = 0; round <= rounds; round += 1) {
    const names = ['plain', 'delivered'] as const;
    const rate = { plain: 0, delivered: 0 };
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const startedMs = performance.now();
      await runs[name]();
      rate[name] = (events * 1_000) / (performance.now() - startedMs);
    }
    await reset(database);
    if (round === 0) continue;
    rates.plain.push(rate.plain);
    rates.delivered.push(rate.delivered);
    rates.ratio.push(rate.delivered / rate.plain);
  }
  const ratio = median(rates.ratio) ?? 0;
  say(`plain requests: ${shown(Math.round(median(rates.plain) ?? 0))}/s`);
  say(`deliveries: ${shown(Math.round(median(rates.delivered) ?? 0))}/s`);
  say(`ratio: ${ratio.toFixed(2)}, at least ${goal} is the goal`);
  say(`peak memory of this process: ${memoryText((process.resourceUsage().maxRSS * 1024) / 1e6)}`);
  return ratio >= goal ? 0 : 1;
}

/** Creates the tables, a webhook, and a coupon with one claim for each event. */
async function prepare(database: BenchDatabase, url: string): Promise<string> {
  await database.query(`create schema ${schema}`);
  for (const file of readdirSync(migrations).sort()) {
    if (file.endsWith('_finish.sql') || !file.endsWith('.sql')) continue;
    await database.query(readFileSync(new URL(file, migrations), 'utf8'));
  }
  const webhookId = randomUUID();
  await database.query(`insert into event_relay (started_at) values (now() - interval '1 minute')`);
  await database.query(
    `insert into webhooks (id, url, events, secrets, created_at)
     values ($1, $2, '{claim.confirmed}', array[$3], now() - interval '1 minute')`,
    [webhookId, url, secret],
  );
  const coupon = 'backlog';
  await database.query(
    `with created as (
       insert into coupons (name, amount, remaining_amount, ledger_seq, decided_at, created_at)
       values ($1, $2, $2, 1, now(), now())
       returning *
     )
     insert into stock_ledger (coupon_id, seq, batch_id, kind, units, remaining_after, recorded_at)
     select id, 1, gen_random_uuid(), 'grant', amount, amount, now() from created`,
    [coupon, options.events],
  );
  for (let from = 0; from < options.events; from += batchSize) {
    const length = Math.min(batchSize, options.events - from);
    const users = Array.from({ length }, (_, index) => userOf(from + index));
    await database.query('select * from claim_batch_2($1, $2, $3, $4, $5, true)', [
      ...[randomUUID(), coupon, users, users.map(() => randomUUID()), users.map(() => null)],
    ]);
  }
  return webhookId;
}

function open(url: string): Database {
  return new Database({
    ...{ url, schema, connectionsMax: 4, connectTimeoutMs: 20_000, answerTimeoutMs: 60_000 },
    ...{ lockTimeoutMs: 20_000, statementTimeoutMs: 60_000 },
    onIdleConnectionLost: () => undefined,
  });
}

/** Turns the whole ledger into deliveries. */
async function relay(connections: Database): Promise<void> {
  const lease = await postgresDutyLeases(connections, 'bench/1').acquire('event_relay');
  if (lease === undefined) throw new Error('the lease of the relay is not free');
  const store = postgresEventRelay(connections);
  const { found } = await store.findUnread('0');
  let more: readonly string[] = found.map(({ couponId }) => couponId);
  while (more.length > 0) {
    const left = await store.relay(lease, more);
    if (left === 'lease_lost') throw new Error('the lease of the relay has ended');
    more = left;
  }
}

/** Delivers the whole backlog, in as many turns as it takes. */
async function deliverAll(
  database: BenchDatabase,
  delivery: DeliveryOptions,
  webhookId: string,
): Promise<void> {
  const never = new AbortController().signal;
  for (;;) {
    await deliverToWebhook(delivery, webhookId, never);
    const [row] = await database.query<{ pending: number; delivered: number }>(
      `select count(*) filter (where state = 'P')::integer as pending,
         count(*) filter (where state = 'D')::integer as delivered
       from webhook_deliveries`,
    );
    if (row?.pending === 0) {
      if (row.delivered !== options.events) throw new Error('a delivery was given up');
      break;
    }
  }
}

/** Makes the same backlog pending again. */
async function reset(database: BenchDatabase): Promise<void> {
  await database.query(
    `update webhook_deliveries set state = 'P', attempts = 0, due_at = recorded_at`,
  );
  await database.query('vacuum analyze webhook_deliveries');
  await database.checkpoint();
}

function toBody({ eventId, type, at, data }: Event): string {
  return JSON.stringify({ id: eventId, type, timestamp: at, data });
}

/** Sends as many requests of the size of an event. */
async function sendPlainly(url: URL, inFlight: number, count: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  const body = 'x'.repeat(330);
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  let left = count;
  const work = async () => {
    while (left > 0) {
      left -= 1;
      await new Promise<void>((resolve, reject) => {
        const sent = request(url, { agent, method: 'POST', headers }, (response) => {
          response.resume().once('end', resolve).once('error', reject);
        });
        sent.once('error', reject);
        sent.end(body);
      });
    }
  };
  await Promise.all(Array.from({ length: inFlight }, work));
  agent.destroy();
}
