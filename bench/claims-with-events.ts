// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * `npm run bench:claims-with-events`: claims with and without what follows from them. One service, with `SAGAS_FILE`, has loads
 * of each kind in turns: of a plain coupon, of one with `hold_seconds`, of a plain one with a webhook for all events, and of
 * one with a saga of three steps and that webhook. Before each load the service gets what the load needs, and it loses that
 * afterwards. Another service never has any of it; the same load of both shows what is left of it. The receiver and the
 * participant run on this machine. The services start several times, since two processes of the same code differ in what a
 * claim costs them.
 */
import { join } from 'node:path';
import { Command } from 'commander';
import { type CleanUp, runCleanly, say } from './clean-up.ts';
import { compiled } from './compile.ts';
import { type BenchDatabase, type DatabaseServer, startDatabaseServer } from './database-server.ts';
import { beginWebhook, countDone, endEvents, untilDone } from './events-set-up.ts';
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
import { coupon, sendAll } from './set-up.ts';
import { median, shown } from './statistics.ts';
import { missingBuild, nodeFlags } from './targets.ts';

type Options = {
  databaseUrl?: string;
  folder?: string;
  starts: number;
  pairs: number;
  seconds: number;
  warmSeconds: number;
  restSeconds: number;
  connections: number;
};

const options = parse<Options>(
  databaseOptions(
    new Command('npm run bench:claims-with-events --').description(
      'Compares the rate of claims with a webhook and with sagas with that without.',
    ),
  )
    .option('--starts <count>', 'starts of the services', wholeNumber, 3)
    .option('--pairs <count>', 'loads of each kind after a start', wholeNumber, 5)
    .option('--seconds <count>', 'seconds of a load', wholeNumber, 3)
    .option('--warm-seconds <count>', 'seconds of the load before any event', wholeNumber, 6)
    .option(
      '--rest-seconds <count>',
      'seconds without a load before each pair; a rush ends after 10',
      wholeNumber,
      11,
    )
    .option('--connections <count>', 'connections of clients', wholeNumber, 256),
  process.argv.slice(2),
);

const goal = 0.9;
const plenty = 2_000_000_000;
const firstSeconds = 1;
// The users of one load come after those of the load before.
const usersOfLoad = 10_000_000;
const usersOfSetUp = 2_000_000_000;
const hold = { hold_seconds: 86_400 };

/** What is claimed, beside what, and what that is compared with. The order puts loads that are compared side by side. */
const kinds = {
  alone: { members: {}, webhook: false, bases: [] },
  plain: { members: {}, webhook: false, bases: ['alone'] },
  webhook: { members: {}, webhook: true, bases: ['plain'] },
  saga: { members: { ...hold, saga: sagaName }, webhook: true, bases: ['plain', 'hold'] },
  hold: { members: hold, webhook: false, bases: [] },
} as const;

type Kind = keyof typeof kinds;
const names = Object.keys(kinds) as Kind[];
type Service = Launched & { url: string; database: BenchDatabase; receiverUrl: string };

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

type Parts = {
  server: DatabaseServer;
  receiver: Launched;
  participant: Launched;
  generator: Generator;
  cleanUp: CleanUp;
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
  const measured: Record<Kind, Measured[]> = {
    ...{ alone: [], plain: [], webhook: [], saga: [], hold: [] },
  };
  for (let start = 0; start < starts; start += 1) await measureStart(measured, parts);
  say(
    '          claims/s   p99 ms  CPU of one claim in us: service PostgreSQL wrk receiver participant',
  );
  for (const kind of names) say(lineOf(kind, measured[kind]));
  for (const kind of ['webhook', 'saga'] as const) {
    const runs = measured[kind];
    say(
      `${kind}: during a load ${shown(middle(runs, 'delivered'))} events were delivered ` +
        `and ${shown(middle(runs, 'sagas'))} sagas ended`,
    );
  }
  for (const kind of names) {
    for (const base of kinds[kind].bases) sayRatios(kind, base, measured);
  }
  return 0;
}

/** Starts the services, measures their loads in pairs, and stops them. */
async function measureStart(measured: Record<Kind, Measured[]>, parts: Parts): Promise<void> {
  const { participant, cleanUp } = parts;
  const alone = await startService('alone', {}, parts);
  const tested = await startService(
    'tested',
    {
      SAGAS_FILE: sagasFile(participant.readyValue, cleanUp),
      BENCH_SECRET: 's'.repeat(24),
    },
    parts,
  );
  for (const service of [alone, tested]) {
    await sendAll(service.url, [coupon('warm', plenty)]);
    const order = { coupon: 'warm', firstUser: 1, seconds: options.warmSeconds };
    await send(service, parts, order);
  }
  // The first pair warms up what the load before any event has not.
  for (let pair = 0; pair <= options.pairs; pair += 1) {
    // Events wait for the first 30 s of a rush. Without a rest all pairs would be one rush.
    await new Promise((resolve) => setTimeout(resolve, options.restSeconds * 1_000));
    for (const kind of pair % 2 === 0 ? names : names.toReversed()) {
      const one = await measure(kind, pair, kind === 'alone' ? alone : tested, parts);
      if (pair > 0) measured[kind].push(one);
    }
  }
  for (const service of [alone, tested]) await service.stop();
}

async function startService(
  name: string,
  settings: Record<string, string>,
  parts: Parts,
): Promise<Service> {
  const database = await parts.server.createDatabase(`events_${name}`);
  const receiverUrl = parts.receiver.readyValue;
  const env = {
    ...{ PORT: '0', LOG_LEVEL: 'warn', DATABASE_URL: database.url, WEBHOOK_ALLOW_HTTP: 'true' },
    WEBHOOK_ALLOWED_RECEIVERS: new URL(receiverUrl).host,
    ...settings,
  };
  const args = [...nodeFlags(), join(import.meta.dirname, '../dist/main.js'), 'serve'];
  const started = await launch({ args, env, ready: /serves on (http:\S+)/ }, parts.cleanUp);
  return { ...started, url: started.readyValue, database, receiverUrl };
}

/** Measures one load. All that follows from the first pair is waited for; of the others it is taken away. */
async function measure(
  kind: Kind,
  pair: number,
  service: Service,
  parts: Parts,
): Promise<Measured> {
  const name = `${kind}-${pair}`;
  const created = coupon(name, plenty);
  const body = { ...created.body, ...kinds[kind].members };
  const { database, url } = service;
  if (kinds[kind].webhook) {
    await beginWebhook(service, {
      coupon: 'warm',
      user: usersOfSetUp + pair * names.length + names.indexOf(kind),
    });
  }
  await sendAll(url, [{ ...created, body }]);
  await database.checkpoint();
  const cpuNow = () => ({
    service: cpuSecondsOf(service.pid) ?? Number.NaN,
    postgres: parts.server.cpuSeconds() ?? Number.NaN,
    generator: cpuSecondsOfEndedChildren() ?? Number.NaN,
    receiver: cpuSecondsOf(parts.receiver.pid) ?? Number.NaN,
    participant: cpuSecondsOf(parts.participant.pid) ?? Number.NaN,
  });
  const doneBefore = await countDone(database);
  const before = cpuNow();
  const load = await send(service, parts, {
    ...{ coupon: name, firstUser: (pair + 1) * usersOfLoad + 1 },
    seconds: pair === 0 ? firstSeconds : options.seconds,
  });
  const after = cpuNow();
  const done = await countDone(database);
  if (pair === 0) await untilDone(database);
  if (kinds[kind].webhook) await endEvents(service);
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
      ...{ url: service.url, path: '/api/coupons/claim', kind: 'claim', coupons: 1 },
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

function sayRatios(kind: Kind, base: Kind, measured: Readonly<Record<Kind, Measured[]>>): void {
  const ratiosOf = (ratio: (one: Measured, other: Measured) => number) =>
    measured[kind].map((one, pair) => ratio(one, measured[base][pair] as Measured));
  for (const [by, ratios] of [
    ['claims a second', ratiosOf((one, other) => one.rate / other.rate)],
    ['CPU of one claim', ratiosOf((one, other) => other.cpu / one.cpu)],
  ] as const) {
    const all = ratios.map((one) => one.toFixed(2)).join(' ');
    const ratio = (median(ratios) ?? 0).toFixed(2);
    const required = kind === 'plain' ? '' : `, at least ${goal} is the goal`;
    say(`${kind} to ${base}, median ratio by ${by}: ${ratio} (${all})${required}`);
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
