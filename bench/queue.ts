// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * `npm run bench:queue`: what queued claims cost with a real RabbitMQ. Claims whose caller takes the ticket, and claims whose
 * caller waits, are compared with an empty handler; the decision of a backlog of tickets with the engine without HTTP.
 */
import { join } from 'node:path';
import { Command } from 'commander';
import { type CleanUp, runCleanly, say } from './clean-up.ts';
import { compiled } from './compile.ts';
import { type BenchDatabase, type DatabaseServer, startDatabaseServer } from './database-server.ts';
import {
  figuresIn,
  findGenerator,
  type Generator,
  type LoadFigures,
  type LoadOrder,
  wrkMissing,
} from './load.ts';
import { databaseOptions, parse, wholeNumber } from './options.ts';
import { cpuSecondsOf } from './proc.ts';
import { type Launched, launch, runToEnd } from './processes.ts';
import { type Broker, hasRabbitMq, rabbitMqMissing, startBroker } from './rabbitmq.ts';
import { coupon, sendAll } from './set-up.ts';
import { median, shown } from './statistics.ts';
import { builtService, missingBuild, nodeFlags, startTarget } from './targets.ts';

type Options = {
  databaseUrl?: string;
  folder?: string;
  rounds: number;
  seconds: number;
  connections: number;
  tickets: number;
};

const options = parse<Options>(
  databaseOptions(
    new Command('npm run bench:queue --').description(
      'Compares claims that go into a queue with an empty handler, and their decision with the engine without HTTP.',
    ),
  )
    .option('--rounds <count>', 'loads of each kind', wholeNumber, 3)
    .option('--seconds <count>', 'seconds of a load', wholeNumber, 4)
    .option('--connections <count>', 'connections of clients', wholeNumber, 256)
    .option('--tickets <count>', 'tickets of the backlog, at least', wholeNumber, 300_000),
  process.argv.slice(2),
);

const plenty = 2_000_000_000;
// The users of one load come after those of the load before.
const usersOfLoad = 10_000_000;
const backlog = 'BACKLOG';
const backlogSeconds = 2;
// Enough for the largest batches; a worker holds more.
const claimsUnderWay = 2_000;
const pollMs = 50;
const main = join(import.meta.dirname, '../dist/main.js');

/** What is loaded: the service, whether it decides what it accepts, and the least ratio that is wanted. */
const kinds = {
  'empty handler': { load: 'claim', decides: false, goal: undefined },
  'accepted only': { load: 'accept', decides: false, goal: 0.5 },
  'accepted and decided': { load: 'accept', decides: true, goal: undefined },
  'waited for': { load: 'claim', decides: true, goal: 0.4 },
} as const;

const drainGoal = 0.5;

type Kind = keyof typeof kinds;
const names = Object.keys(kinds) as Kind[];

type Service = { url: string; pid: number; database: BenchDatabase | undefined; env: Environment };
type Environment = Record<string, string>;

/** One load: answers a second, and the microseconds of CPU that one takes. */
type Measured = { rate: number; p50Ms: number; p99Ms: number } & Record<
  'node' | 'postgres' | 'broker',
  number
>;

type Parts = { server: DatabaseServer; broker: Broker; generator: Generator; cleanUp: CleanUp };

process.exitCode = await runCleanly(run);

async function run(cleanUp: CleanUp): Promise<number> {
  const { databaseUrl, folder, rounds, connections, seconds, tickets } = options;
  const generator = findGenerator();
  const missing =
    generator === undefined ? wrkMissing : hasRabbitMq() ? missingBuild() : rabbitMqMissing;
  if (generator === undefined || missing !== undefined) {
    say(missing ?? wrkMissing);
    return 1;
  }
  const server = await startDatabaseServer({ databaseUrl, folder }, cleanUp);
  const parts = { server, broker: await startBroker(folder, cleanUp), generator, cleanUp };
  say(
    `PostgreSQL ${server.version}, RabbitMQ ${parts.broker.version}, ${generator.name}, ` +
      `${connections} connections, ${seconds} s`,
  );
  const accepting = await startService('accepting', { CONSUME_CLAIMS: 'false' }, parts);
  const deciding = await startService('deciding', {}, parts);
  const empty = await startEmptyHandler(cleanUp);
  const measured = new Map<Kind, Measured[]>(names.map((name) => [name, []]));
  // The first round warms up.
  for (let round = 0; round <= rounds; round += 1) {
    for (const kind of round % 2 === 0 ? names : names.toReversed()) {
      const service = kind === 'empty handler' ? empty : kinds[kind].decides ? deciding : accepting;
      const one = await measure(kind, round, service, parts);
      if (round > 0) measured.get(kind)?.push(one);
    }
  }
  say(
    '                          answers/s   p50 ms   p99 ms  CPU of one in us: node PostgreSQL RabbitMQ',
  );
  for (const name of names) say(lineOf(name, measured.get(name) ?? []));
  for (const name of names) sayRatio(name, measured);
  await compareDrain(tickets, parts);
  return 0;
}

async function startEmptyHandler(cleanUp: CleanUp): Promise<Service> {
  const { url = '', pid = 0 } = await startTarget(
    { kind: 'empty handler' },
    { database: undefined },
    cleanUp,
  );
  return { url, pid, database: undefined, env: {} };
}

async function startService(name: string, settings: Environment, parts: Parts): Promise<Service> {
  const { server, broker, cleanUp } = parts;
  const database = await server.createDatabase(`queue_${name}`);
  const env = {
    ...{ PORT: '0', LOG_LEVEL: 'warn', DATABASE_URL: database.url, CLAIM_MODE: 'queued' },
    ...{ AMQP_URL: await broker.createVirtualHost(), TICKET_EXPIRES_SECONDS: '3600' },
    CLAIM_QUEUE_MESSAGES_MAX: '10000000',
    ...settings,
  };
  const { readyValue, pid } = await launchService('serve', env, cleanUp);
  return { url: readyValue, pid, database, env };
}

function launchService(
  command: 'serve' | 'consume',
  env: Environment,
  cleanUp: CleanUp,
): Promise<Launched> {
  const args = [...nodeFlags(), main, command];
  return launch({ args, env, ready: /(http:\S+)/ }, cleanUp);
}

async function measure(
  kind: Kind,
  round: number,
  service: Service,
  parts: Parts,
): Promise<Measured> {
  const { server, broker } = parts;
  const { url, pid, database } = service;
  const name = `${kind.toUpperCase().replaceAll(' ', '-')}-${round}`;
  await sendAll(url, [coupon(name, plenty)]);
  await database?.checkpoint();
  const cpuNow = () => ({
    node: cpuSecondsOf(pid) ?? Number.NaN,
    postgres: server.cpuSeconds() ?? Number.NaN,
    broker: broker.cpuSeconds() ?? Number.NaN,
  });
  const before = cpuNow();
  const load = await send(
    url,
    { kind: kinds[kind].load, coupon: name, seconds: options.seconds },
    round * usersOfLoad,
    parts,
  );
  const after = cpuNow();
  if (kinds[kind].decides) await untilDecided(service, name);
  const perAnswer = (part: keyof typeof before) =>
    ((after[part] - before[part]) * 1e6) / load.answers;
  return {
    ...{ rate: load.answers / load.seconds, p50Ms: load.p50Ms, p99Ms: load.p99Ms },
    ...{ node: perAnswer('node'), postgres: perAnswer('postgres'), broker: perAnswer('broker') },
  };
}

async function send(
  url: string,
  order: Pick<LoadOrder, 'kind' | 'coupon' | 'seconds'>,
  firstUser: number,
  { generator, cleanUp }: Parts,
): Promise<LoadFigures> {
  const { connections } = options;
  const load = await generator.send(
    {
      ...{ url, path: '/api/coupons/claim', coupons: 1, connections, firstUser: firstUser + 1 },
      ...order,
    },
    cleanUp,
  );
  const { answers, not2xx, lost } = load;
  if (answers === 0 || not2xx > 0 || lost > 0) {
    throw new Error(`${order.coupon}: ${answers} answers, ${not2xx} not 2xx, ${lost} lost`);
  }
  return load;
}

async function claimedOf(database: BenchDatabase | undefined, name: string): Promise<number> {
  const [row] =
    (await database?.query<{ claimed: number }>(
      'select amount - remaining_amount as claimed from coupons where name = $1',
      [name],
    )) ?? [];
  return Number(row?.claimed ?? Number.NaN);
}

/** Waits until no claims of the coupon are decided any more, so that the next load begins with an empty queue. */
async function untilDecided({ database }: Service, name: string): Promise<void> {
  let claimed = Number.NaN;
  for (let same = 0; same < 10; ) {
    await sleep(pollMs);
    const now = await claimedOf(database, name);
    same = now === claimed ? same + 1 : 0;
    claimed = now;
  }
}

/** Fills the queue through HTTP, has a worker decide the claims, and compares with the engine without HTTP. */
async function compareDrain(tickets: number, parts: Parts): Promise<void> {
  const { server, cleanUp } = parts;
  const { env, url, database } = await startService('backlog', { CONSUME_CLAIMS: 'false' }, parts);
  await sendAll(url, [coupon(backlog, plenty)]);
  let filled = 0;
  for (let round = 0; filled < tickets; round += 1) {
    const order = { kind: 'accept', coupon: backlog, seconds: backlogSeconds } as const;
    filled += (await send(url, order, round * usersOfLoad, parts)).answers;
  }
  const engine = await engineRate(server, cleanUp);
  const worker = await launchService('consume', { ...env, CONSUME_CLAIMS: 'true' }, cleanUp);
  const cpuNow = () => [cpuSecondsOf(worker.pid), server.cpuSeconds(), parts.broker.cpuSeconds()];
  let first = { atMs: 0, claimed: 0, cpu: cpuNow() };
  let last = first;
  while (last.claimed < filled) {
    await sleep(pollMs);
    last = { atMs: performance.now(), claimed: await claimedOf(database, backlog), cpu: cpuNow() };
    if (first.claimed === 0) first = last;
  }
  await worker.stop();
  const decided = last.claimed - first.claimed;
  const drained = (decided / (last.atMs - first.atMs)) * 1000;
  const cpu = last.cpu.map((seconds = Number.NaN, index) =>
    shown(((seconds - (first.cpu[index] ?? Number.NaN)) * 1e6) / decided),
  );
  say(
    `${shown(filled)} tickets: ${shown(drained)}/s decided, CPU of one in us: node ${cpu[0]}, PostgreSQL ${cpu[1]}, ` +
      `RabbitMQ ${cpu[2]}; engine without HTTP: ${shown(engine)}/s`,
  );
  say(`drain to engine: ${(drained / engine).toFixed(2)}, at least ${drainGoal} is the goal`);
}

/** The rate of the engine, with as many claims under way as a worker may decide together. */
async function engineRate(server: DatabaseServer, cleanUp: CleanUp): Promise<number> {
  const database = await server.createDatabase('engine');
  const args = [backlog, ...[claimsUnderWay, 1, 1, options.seconds].map(String)];
  const output = await runToEnd(
    process.execPath,
    [...nodeFlags(), compiled('targets/engine-claims.ts', cleanUp), ...args],
    cleanUp,
    { env: { DATABASE_URL: database.url, BUILT_SERVICE: builtService } },
  );
  const { answers, seconds } = figuresIn(output);
  return answers / seconds;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function lineOf(name: string, runs: readonly Measured[]): string {
  const figures = (['rate', 'p50Ms', 'p99Ms', 'node', 'postgres', 'broker'] as const).map((part) =>
    shown(median(runs.map((run) => run[part]))).padStart(9),
  );
  return `${name.padEnd(26)}${figures.join('')}`;
}

function sayRatio(name: Kind, measured: ReadonlyMap<Kind, readonly Measured[]>): void {
  if (name === 'empty handler') return;
  const { goal } = kinds[name];
  const ratios = (measured.get(name) ?? []).map(
    ({ rate }, round) => rate / (measured.get('empty handler')?.[round]?.rate ?? Number.NaN),
  );
  const all = ratios.map((one) => one.toFixed(2)).join(' ');
  const wanted = goal === undefined ? '' : `, at least ${goal} is the goal`;
  say(
    `${name} to empty handler: median ratio ${(median(ratios) ?? 0).toFixed(2)} (${all})${wanted}`,
  );
}
