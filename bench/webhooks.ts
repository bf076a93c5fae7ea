// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * `npm run bench:webhooks`: delivers a backlog of events to one receiver on this machine, and compares with plain requests of
 * the same size to it, and with fewer of them by fetch, which are slow. They take turns; the medians are printed.
 */
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { Command } from 'commander';
import { Database } from '../src/adapters/postgres/database.ts';
import { postgresDutyLeases } from '../src/adapters/postgres/duties/duty-leases.ts';
import { postgresEventRelay } from '../src/adapters/postgres/events/event-relay-store.ts';
import { type CleanUp, runCleanly, say } from './clean-up.ts';
import { compiled } from './compile.ts';
import { type BenchDatabase, startDatabaseServer } from './database-server.ts';
import { databaseOptions, parse, wholeNumber } from './options.ts';
import { cpuSecondsOf } from './proc.ts';
import { launch } from './processes.ts';
import { userOf } from './set-up.ts';
import { median, memoryText, shown } from './statistics.ts';
import { nodeFlags } from './targets.ts';
import type { SenderRun, SenderSetting } from './webhook-sender.ts';

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

type Kind = 'deliver' | 'request' | 'fetch';

/** Events a second, and the microseconds of CPU that one event takes in each process. */
type Measured = { rate: number; sender: number; receiver: number; postgres: number };

process.exitCode = await runCleanly(main);

async function main(cleanUp: CleanUp): Promise<number> {
  const { databaseUrl, folder, events, rounds, inFlight } = options;
  const receiver = await launch(
    { args: [compiled('webhook-receiver.ts', cleanUp)], ready: /receives on (http:\S+)/ },
    cleanUp,
  );
  const url = new URL('/hook', receiver.readyValue).href;
  const server = await startDatabaseServer({ databaseUrl, folder }, cleanUp);
  const database = await server.createDatabase('webhooks');
  const webhookId = await prepare(database, url);
  await relay(database.url);
  const setting = { databaseUrl: database.url, schema, webhookId, receiver: url, inFlight };
  const sender = await launch(
    {
      args: [
        // Those of the service.
        ...nodeFlags(),
        compiled('webhook-sender.ts', cleanUp),
        JSON.stringify(setting satisfies SenderSetting),
      ],
      ready: /asked on (http:\S+)/,
    },
    cleanUp,
  );
  say(`PostgreSQL ${server.version}, ${shown(events)} events, ${inFlight} requests at a time`);

  const cpuNow = () => ({
    receiver: cpuSecondsOf(receiver.pid) ?? Number.NaN,
    postgres: server.cpuSeconds() ?? Number.NaN,
  });
  let peakMemoryMb = 0;
  const measure = async (kind: Kind): Promise<Measured> => {
    if (kind === 'deliver') await makePending(database);
    const before = cpuNow();
    const count = kind === 'fetch' ? Math.ceil(events / 10) : events;
    const run = await ask(sender.readyValue, kind, count);
    const after = cpuNow();
    if (kind === 'deliver') await checkDelivered(database);
    peakMemoryMb = Math.max(peakMemoryMb, run.peakMemoryMb);
    const perEvent = (seconds: number) => (seconds * 1e6) / count;
    return {
      rate: count / run.seconds,
      sender: perEvent(run.cpuSeconds),
      receiver: perEvent(after.receiver - before.receiver),
      postgres: perEvent(after.postgres - before.postgres),
    };
  };
  const measured: Record<Kind, Measured[]> = { deliver: [], request: [], fetch: [] };
  // The first round warms up.
  for (let round = 0; round <= rounds; round += 1) {
    const kinds = ['request', 'deliver', 'fetch'] as const;
    for (const kind of round % 2 === 0 ? kinds : kinds.toReversed()) {
      const one = await measure(kind);
      if (round > 0) measured[kind].push(one);
    }
  }
  say('             events/s   CPU of one in us: sender  receiver  PostgreSQL');
  for (const [kind, runs] of Object.entries(measured)) say(lineOf(kind, runs));
  const ratioTo = (kind: Kind) =>
    median(measured.deliver.map(({ rate }, round) => rate / (measured[kind][round]?.rate ?? 0)));
  const ratio = ratioTo('request') ?? 0;
  say(`ratio to plain requests: ${ratio.toFixed(2)}, at least ${goal} is the goal`);
  say(`ratio to fetch: ${ratioTo('fetch')?.toFixed(2)}`);
  say(`peak memory of the sender: ${memoryText(peakMemoryMb)}`);
  return 0;
}

/** Has the sender send so many events or requests in one way. */
async function ask(sender: string, kind: Kind, count: number): Promise<SenderRun> {
  const response = await fetch(new URL(`/${kind}?events=${count}`, sender));
  if (!response.ok) throw new Error(`the sender has failed: ${await response.text()}`);
  return (await response.json()) as SenderRun;
}

function lineOf(kind: string, runs: readonly Measured[]): string {
  const middle = (name: keyof Measured) =>
    shown(Math.round(median(runs.map((run) => run[name])) ?? 0)).padStart(9);
  const [rate, ...parts] = (['rate', 'sender', 'receiver', 'postgres'] as const).map(middle);
  return `${kind.padEnd(12)}${rate}                ${parts.join(' ')}`;
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
    `insert into webhooks (id, url, events, secrets, created_at, active_from)
     select $1, $2, '{claim.confirmed}', array[$3], started_at, started_at from event_relay`,
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

/** Turns the whole ledger into deliveries. */
async function relay(url: string): Promise<void> {
  const connections = new Database({
    ...{ url, schema, connectionsMax: 1, connectTimeoutMs: 20_000, answerTimeoutMs: 60_000 },
    ...{ lockTimeoutMs: 20_000, statementTimeoutMs: 60_000 },
    onIdleConnectionLost: () => undefined,
  });
  const leases = postgresDutyLeases(connections, 'bench/1');
  const lease = await leases.acquire('event_relay');
  if (lease === undefined) throw new Error('the lease of the relay is not free');
  const store = postgresEventRelay(connections);
  const { found } = await store.findUnread('0');
  let more: readonly string[] = found.map(({ couponId }) => couponId);
  while (more.length > 0) {
    const left = await store.relay(lease, more);
    if (left === 'lease_lost') throw new Error('the lease of the relay has ended');
    more = left;
    await leases.renew(lease);
  }
  await connections.close();
}

/** Makes the whole backlog pending again. */
async function makePending(database: BenchDatabase): Promise<void> {
  await database.query(
    `update webhook_deliveries set state = 'P', attempts = 0, due_at = recorded_at where state <> 'P'`,
  );
  await database.query('vacuum analyze webhook_deliveries');
  await database.checkpoint();
}

async function checkDelivered(database: BenchDatabase): Promise<void> {
  const [row] = await database.query<{ delivered: number }>(
    `select count(*)::integer as delivered from webhook_deliveries where state = 'D'`,
  );
  if (row?.delivered !== options.events) throw new Error('not every event was delivered');
}
