// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * `npm run bench:claims-with-events`: claims of one coupon with and without what follows from them. One service has loads without
 * a webhook and loads with one for all events, in turns. Two more are compared: one without webhook and saga, for a coupon with
 * `hold_seconds`, and one with a webhook and `SAGAS_FILE`, for a coupon with a saga of three steps. The receiver and the
 * participant run on this machine. A turn begins when every event of the last one is delivered and every saga has ended. The
 * services start several times: two processes of the same code differ in what a claim costs them.
 */
import { join } from 'node:path';
import { Command } from 'commander';
import { type CleanUp, runCleanly, say } from './clean-up.ts';
import { compiled } from './compile.ts';
import { type BenchDatabase, type DatabaseServer, startDatabaseServer } from './database-server.ts';
import {
  findGenerator,
  type Generator,
  type LoadFigures,
  type LoadOrder,
  wrkMissing,
} from './load.ts';
import { databaseOptions, parse, wholeNumber } from './options.ts';
import { cpuSecondsOf, cpuSecondsOfEndedChildren } from './proc.ts';
import { type Launched, launch } from './processes.ts';
import { sagaName, sagasFile } from './sagas-file.ts';
import { claim, coupon, sendAll } from './set-up.ts';
import { median, shown } from './statistics.ts';
import { missingBuild, nodeFlags } from './targets.ts';

type Options = {
  databaseUrl?: string;
  folder?: string;
  starts: number;
  pairs: number;
  seconds: number;
  warmSeconds: number;
  connections: number;
};

const options = parse<Options>(
  databaseOptions(
    new Command('npm run bench:claims-with-events --').description(
      'Compares the rate of claims with a webhook and with sagas with that without.',
    ),
  )
    .option('--starts <count>', 'starts of the four services', wholeNumber, 3)
    .option('--pairs <count>', 'loads of each kind after a start', wholeNumber, 3)
    .option('--seconds <count>', 'seconds of a load', wholeNumber, 5)
    .option('--warm-seconds <count>', 'seconds of the load before any event', wholeNumber, 6)
    .option('--connections <count>', 'connections of clients', wholeNumber, 256),
  process.argv.slice(2),
);

const goal = 0.9;
const plenty = 2_000_000_000;
const firstSeconds = 2;
// The users of one load come after those of the load before.
const usersOfLoad = 10_000_000;
const usersOfSetUp = 2_000_000_000;
const events = ['claim.reserved', 'claim.confirmed', 'claim.released', 'claim.redeemed'];
const eventsOfCoupons = ['sold_out', 'stock_low', 'back_in_stock', 'opened', 'closed'];

const secondsOfHold = 86_400;

/** What is claimed, and what that is compared with. */
const kinds = {
  plain: { members: {}, base: undefined },
  webhook: { members: {}, base: 'plain' },
  hold: { members: { hold_seconds: secondsOfHold }, base: undefined },
  saga: { members: { hold_seconds: secondsOfHold, saga: sagaName }, base: 'hold' },
} as const;

type Kind = keyof typeof kinds;
const names = Object.keys(kinds) as Kind[];
type Service = Launched & { database: BenchDatabase };
type Services = Record<Kind, Service>;

const processes = ['service', 'postgres', 'generator', 'receiver', 'participant'] as const;

/** One load: claims a second, the microseconds of CPU that one claim takes in each process, and what was done meanwhile. */
type Measured = Record<(typeof processes)[number], number> & {
  rate: number;
  p99Ms: number;
  /** The microseconds in all processes. */
  cpu: number;
  /** Events that were delivered until the load ended. */
  delivered: number;
  /** Sagas that had ended by then. */
  sagas: number;
};

process.exitCode = await runCleanly(main);

async function main(cleanUp: CleanUp): Promise<number> {
  const { databaseUrl, folder, starts, seconds, connections } = options;
  const generator = findGenerator();
  const missing = generator === undefined ? wrkMissing : missingBuild();
  if (generator === undefined || missing !== undefined) {
    say(missing ?? wrkMissing);
    return 1;
  }
  const server = await startDatabaseServer({ databaseUrl, folder }, cleanUp);
  const launchReceiver = () =>
    launch(
      { args: [compiled('webhook-receiver.ts', cleanUp)], ready: /receives on (http:\S+)/ },
      cleanUp,
    );
  const receiver = await launchReceiver();
  const participant = await launchReceiver();
  const parts = { server, receiver, participant, generator, cleanUp };
  say(`PostgreSQL ${server.version}, ${generator.name}, ${connections} connections, ${seconds} s`);
  const measured: Record<Kind, Measured[]> = { plain: [], webhook: [], hold: [], saga: [] };
  for (let start = 0; start < starts; start += 1) await measureStart(measured, parts);
  say(
    '          claims/s   p99 ms  CPU of one claim in us: service PostgreSQL wrk receiver participant',
  );
  for (const kind of names) say(lineOf(kind, measured[kind]));
  for (const kind of names) sayRatios(kind, measured);
  return 0;
}

/** Starts the services, measures their loads in pairs, and stops them. */
async function measureStart(measured: Record<Kind, Measured[]>, parts: Parts): Promise<void> {
  const services = await startServices(parts);
  // The first pair warms up what the load before any event has not.
  for (let pair = 0; pair <= options.pairs; pair += 1) {
    for (const kind of pair % 2 === 0 ? names : names.toReversed()) {
      const service = services[kind];
      const webhook = kind === 'webhook' ? await beginWebhook(pair, service, parts) : undefined;
      const one = await measure(kind, pair, service, parts);
      await webhook?.end();
      if (pair > 0) measured[kind].push(one);
    }
  }
  for (const service of new Set(Object.values(services))) await service.stop();
}

function sayRatios(kind: Kind, measured: Readonly<Record<Kind, Measured[]>>): void {
  const { base } = kinds[kind];
  if (base === undefined) return;
  const runs = measured[kind];
  say(
    `${kind}: during a load ${shown(middle(runs, 'delivered'))} events were delivered ` +
      `and ${shown(middle(runs, 'sagas'))} sagas ended`,
  );
  const ratiosOf = (ratio: (one: Measured, other: Measured) => number) =>
    runs.map((one, pair) => ratio(one, measured[base][pair] as Measured));
  for (const [by, ratios] of [
    ['claims a second', ratiosOf((one, other) => one.rate / other.rate)],
    ['CPU of one claim', ratiosOf((one, other) => other.cpu / one.cpu)],
  ] as const) {
    const all = ratios.map((one) => one.toFixed(2)).join(' ');
    const ratio = (median(ratios) ?? 0).toFixed(2);
    say(
      `${kind} to ${base}, median ratio by ${by}: ${ratio} (${all}), at least ${goal} is the goal`,
    );
  }
}

type Parts = {
  server: DatabaseServer;
  receiver: Launched;
  participant: Launched;
  generator: Generator;
  cleanUp: CleanUp;
};

async function startServices(parts: Parts): Promise<Services> {
  const { participant, cleanUp } = parts;
  const sagas = {
    SAGAS_FILE: sagasFile(participant.readyValue, cleanUp),
    BENCH_SECRET: 's'.repeat(24),
  };
  const webhook = await startService('webhook', {}, parts);
  const services = {
    ...{ plain: webhook, webhook },
    hold: await startService('hold', {}, parts),
    saga: await startService('saga', sagas, parts),
  };
  for (const service of new Set(Object.values(services))) {
    await sendAll(service.readyValue, [coupon('warm', plenty)]);
    const order = { coupon: 'warm', firstUser: 1, seconds: options.warmSeconds };
    await send(service, parts, order);
  }
  await createWebhook(services.saga, parts);
  return services;
}

/** Creates a webhook for all events, and returns its id. */
async function createWebhook({ readyValue }: Service, { receiver }: Parts): Promise<string> {
  const response = await fetch(`${readyValue}/api/webhooks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      url: new URL('/hook', receiver.readyValue).href,
      events: [...events, ...eventsOfCoupons.map((name) => `coupon.${name}`)],
    }),
  });
  if (response.status !== 201) throw new Error(`a webhook got ${response.status}`);
  const { id } = (await response.json()) as { id: string };
  return id;
}

/** Creates a webhook, and waits until the service delivers to it. `end` deletes it and waits until its deliveries are deleted. */
async function beginWebhook(
  pair: number,
  service: Service,
  parts: Parts,
): Promise<{ end(): Promise<void> }> {
  const { database, readyValue } = service;
  const webhookId = await createWebhook(service, parts);
  await sendAll(readyValue, [claim('warm', usersOfSetUp + pair)]);
  await until(
    database,
    `select exists (select from webhook_deliveries where state = 'D') as is_done`,
  );
  return {
    async end() {
      const { status } = await fetch(`${readyValue}/api/webhooks/${webhookId}`, {
        method: 'DELETE',
      });
      if (status >= 300) throw new Error(`the end of a webhook got ${status}`);
      await until(database, 'select not exists (select from webhook_deliveries) as is_done');
    },
  };
}

async function startService(
  name: string,
  settings: Record<string, string>,
  parts: Parts,
): Promise<Service> {
  const database = await parts.server.createDatabase(`events_${name}`);
  const env = {
    ...{ PORT: '0', LOG_LEVEL: 'warn', DATABASE_URL: database.url, WEBHOOK_ALLOW_HTTP: 'true' },
    WEBHOOK_ALLOWED_RECEIVERS: new URL(parts.receiver.readyValue).host,
    ...settings,
  };
  const args = [...nodeFlags(), join(import.meta.dirname, '../dist/main.js'), 'serve'];
  const started = await launch({ args, env, ready: /serves on (http:\S+)/ }, parts.cleanUp);
  return { ...started, database };
}

async function measure(
  kind: Kind,
  pair: number,
  service: Service,
  parts: Parts,
): Promise<Measured> {
  const name = `${kind}-${pair}`;
  const created = coupon(name, plenty);
  const body = { ...created.body, ...kinds[kind].members };
  await sendAll(service.readyValue, [{ ...created, body }]);
  await service.database.checkpoint();
  const cpuNow = () => ({
    service: cpuSecondsOf(service.pid) ?? Number.NaN,
    postgres: parts.server.cpuSeconds() ?? Number.NaN,
    generator: cpuSecondsOfEndedChildren() ?? Number.NaN,
    receiver: cpuSecondsOf(parts.receiver.pid) ?? Number.NaN,
    participant: cpuSecondsOf(parts.participant.pid) ?? Number.NaN,
  });
  const doneBefore = await countDone(service.database);
  const before = cpuNow();
  const load = await send(service, parts, {
    ...{ coupon: name, firstUser: pair * usersOfLoad + 1 },
    seconds: pair === 0 ? Math.min(firstSeconds, options.seconds) : options.seconds,
  });
  const after = cpuNow();
  const done = await countDone(service.database);
  await untilDone(service.database);
  const perClaim = (part: (typeof processes)[number]) =>
    ((after[part] - before[part]) * 1e6) / load.answers;
  return {
    ...{ rate: load.answers / load.seconds, p99Ms: load.p99Ms },
    ...{ service: perClaim('service'), postgres: perClaim('postgres') },
    ...{ generator: perClaim('generator'), receiver: perClaim('receiver') },
    participant: perClaim('participant'),
    cpu: processes.reduce((sum, part) => sum + perClaim(part), 0),
    delivered: done.delivered - doneBefore.delivered,
    sagas: done.sagas - doneBefore.sagas,
  };
}

async function send(
  service: Service,
  { generator, cleanUp }: Parts,
  order: Pick<LoadOrder, 'coupon' | 'firstUser' | 'seconds'>,
): Promise<LoadFigures> {
  const load = await generator.send(
    {
      ...{ url: service.readyValue, path: '/api/coupons/claim', kind: 'claim', coupons: 1 },
      ...{ connections: options.connections, ...order },
    },
    cleanUp,
  );
  const { answers, not2xx, lost } = load;
  if (answers === 0 || not2xx > 0 || lost > 0) {
    throw new Error(`${answers} claims had an answer, ${not2xx} no success, and ${lost} none`);
  }
  return load;
}

async function countDone(database: BenchDatabase): Promise<{ delivered: number; sagas: number }> {
  const [row] = await database.query<{ delivered: number; sagas: number }>(
    `select (select count(*)::integer from webhook_deliveries where state = 'D') as delivered,
       (select count(*)::integer from sagas where state = 'D') as sagas`,
  );
  return row ?? { delivered: 0, sagas: 0 };
}

/** Waits until the whole ledger has become events and sagas, all events are delivered and all sagas have ended. */
async function untilDone(database: BenchDatabase): Promise<void> {
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

function middle(runs: readonly Measured[], name: keyof Measured): number {
  return Math.round(median(runs.map((run) => run[name])) ?? 0);
}

function lineOf(kind: Kind, runs: readonly Measured[]): string {
  const [rate, p99Ms, ...parts] = (['rate', 'p99Ms', ...processes] as const).map((name) =>
    shown(middle(runs, name)).padStart(8),
  );
  return `${kind.padEnd(10)}${rate} ${p99Ms}                        ${parts.join(' ')}`;
}
