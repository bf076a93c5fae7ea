// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * `npm run bench:nodes`: what claims, refusals and reads cost on one, two and three nodes that share Redis, and how many queries
 * idle nodes send. Each kind of service has a database of its own; the kinds take turns, and the others are idle meanwhile.
 */
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { type CleanUp, runCleanly, say } from './clean-up.ts';
import { type BenchDatabase, type DatabaseServer, startDatabaseServer } from './database-server.ts';
import {
  findGenerator,
  type Generator,
  type LoadFigures,
  type LoadOrder,
  wrkMissing,
} from './load.ts';
import {
  kinds as allKinds,
  kindsNamed,
  type Request,
  type ServiceName,
  services,
} from './nodes-plan.ts';
import { databaseOptions, parse, wholeNumber } from './options.ts';
import { cpuSecondsOf } from './proc.ts';
import { type Launched, launch } from './processes.ts';
import { type Queries, queriesDuring } from './queries.ts';
import { hasRedis, type RedisServer, redisMissing, startRedisServer } from './redis-server.ts';
import { claim, coupon, sendAll } from './set-up.ts';
import { median, shown } from './statistics.ts';
import { missingBuild, nodeFlags, startTarget } from './targets.ts';

type Options = {
  databaseUrl?: string;
  folder?: string;
  rounds: number;
  seconds: number;
  connections: number;
  only?: typeof allKinds;
};

const options = parse<Options>(
  databaseOptions(
    new Command('npm run bench:nodes --').description(
      'Compares claims, refusals and reads with and without Redis, and on one to three nodes.',
    ),
  )
    .option('--rounds <count>', 'loads of each kind', wholeNumber, 5)
    .option('--seconds <count>', 'seconds of a load', wholeNumber, 4)
    .option('--connections <count>', 'connections of clients', wholeNumber, 256)
    .option(
      '--only <text>',
      'only kinds with this in their names, and what they are compared with',
      readKinds,
    ),
  process.argv.slice(2),
);

const plenty = 2_000_000_000;
// The users of one load come after those of the load before.
const usersOfLoad = 10_000_000;
const idleAfterMs = 12_000;
const idleMs = 20_000;
const soldOut = 'SOLD_OUT';
const read = 'READ';

type Service = {
  nodes: Launched[];
  database: BenchDatabase | undefined;
  pids: number[];
  urls: string[];
};

/** One load: answers a second, the microseconds of CPU that one takes, and the queries of the database around it. */
type Measured = {
  rate: number;
  p99Ms: number;
  node: number;
  postgres: number;
  redis: number;
  seconds: number;
  queries: Queries;
};

type Parts = { server: DatabaseServer; redis: RedisServer; generator: Generator; cleanUp: CleanUp };

process.exitCode = await runCleanly(main);

async function main(cleanUp: CleanUp): Promise<number> {
  const { databaseUrl, folder, rounds, seconds, connections, only: kinds = allKinds } = options;
  const generator = findGenerator();
  const missing = generator === undefined ? wrkMissing : hasRedis() ? missingBuild() : redisMissing;
  if (generator === undefined || missing !== undefined) {
    say(missing ?? wrkMissing);
    return 1;
  }
  const server = await startDatabaseServer({ databaseUrl, folder }, cleanUp);
  const redis = await startRedisServer(cleanUp);
  const parts = { server, redis, generator, cleanUp };
  say(
    `PostgreSQL ${server.version}, Redis ${redis.version}, ${generator.name}, ` +
      `${connections} connections in all, ${seconds} s`,
  );
  const started = new Map<ServiceName, Service>();
  for (const name of new Set(kinds.map(({ service }) => service))) {
    started.set(name, await startService(name, parts));
  }
  const idle = await measureIdle(started);
  const measured = new Map<string, Measured[]>(kinds.map(({ name }) => [name, []]));
  // The first round warms up.
  for (let round = 0; round <= rounds; round += 1) {
    for (const kind of round % 2 === 0 ? kinds : kinds.toReversed()) {
      const service = started.get(kind.service) as Service;
      const one = await measure(kind.request, service, round, parts);
      if (round > 0) measured.get(kind.name)?.push(one);
    }
  }
  for (const [name, queries] of idle) say(`idle, ${name}: ${shown(queries)} queries/s`);
  say(
    '                          answers/s   p99 ms  CPU of one in us: node PostgreSQL Redis  queries/s beyond idle',
  );
  for (const { name, service } of kinds) {
    say(lineOf(name, measured.get(name) ?? [], idle.get(service) ?? 0));
  }
  for (const { name, base, goal } of kinds) {
    if (base === undefined) continue;
    const ratios = (measured.get(name) ?? []).map(
      ({ rate }, round) => rate / (measured.get(base)?.[round]?.rate ?? Number.NaN),
    );
    const all = ratios.map((one) => one.toFixed(2)).join(' ');
    const wanted = goal === undefined ? '' : `, at least ${goal} is the goal`;
    say(`${name} to ${base}: median ratio ${(median(ratios) ?? 0).toFixed(2)} (${all})${wanted}`);
  }
  return 0;
}

async function startService(name: ServiceName, parts: Parts): Promise<Service> {
  const { server, redis, cleanUp } = parts;
  if (name === 'empty') {
    const { url = '', pid = 0 } = await startTarget(
      { kind: 'empty handler' },
      { database: undefined },
      cleanUp,
    );
    return { nodes: [], database: undefined, pids: [pid], urls: [url] };
  }
  const { nodes: count, redis: isShared, env } = services[name];
  const database = await server.createDatabase(`nodes_${name}`);
  const nodes: Launched[] = [];
  for (let node = 0; node < count; node += 1) {
    const settings = {
      PORT: '0',
      LOG_LEVEL: 'warn',
      DATABASE_URL: database.url,
      DATABASE_CLAIM_CONNECTIONS: '4',
      DATABASE_POOL_SIZE: '8',
    };
    const args = [...nodeFlags(), join(import.meta.dirname, '../dist/main.js'), 'serve'];
    nodes.push(
      await launch(
        {
          args,
          env: { ...settings, ...env, ...(isShared && { REDIS_URL: redis.url }) },
          ready: /serves on (http:\S+)/,
        },
        cleanUp,
      ),
    );
  }
  const urls = nodes.map(({ readyValue }) => readyValue);
  if (name !== 'limited') {
    await sendAll(urls[0] as string, [coupon(soldOut, 1), coupon(read, plenty)]);
    await sendAll(urls[0] as string, [claim(soldOut, 1)]);
  }
  return { nodes, database, pids: nodes.map(({ pid }) => pid), urls };
}

function readKinds(text: string): typeof allKinds {
  const found = kindsNamed(text);
  if (found.length > 0) return found;
  const names = allKinds.map(({ name }) => name).join('; ');
  throw new InvalidArgumentError(`The kinds are: ${names}.`);
}

/** The queries a second of services that get no requests. */
async function measureIdle(
  services: ReadonlyMap<ServiceName, Service>,
): Promise<Map<ServiceName, number>> {
  const countAll = async () => {
    const counts = new Map<ServiceName, number>();
    for (const [name, { database }] of services) {
      if (database !== undefined) counts.set(name, await database.transactions());
    }
    return counts;
  };
  // What the start and the first requests have left behind comes to rest.
  await sleep(idleAfterMs);
  const before = await countAll();
  const startMs = performance.now();
  await sleep(idleMs);
  const after = await countAll();
  const seconds = (performance.now() - startMs) / 1000;
  return new Map(
    [...after].map(([name, count]) => [name, (count - (before.get(name) ?? 0)) / seconds]),
  );
}

async function measure(
  request: Request,
  service: Service,
  round: number,
  parts: Parts,
): Promise<Measured> {
  const { server, redis, generator, cleanUp } = parts;
  const { urls, pids, database } = service;
  const name = { claim: `CLAIM-${round}`, 'sold out': soldOut, read }[request];
  if (request === 'claim') {
    await sendAll(urls[0] as string, [coupon(name, plenty)]);
    await database?.checkpoint();
  }
  const orderOf = (url: string, node: number): LoadOrder => ({
    url,
    ...(request === 'read'
      ? { path: `/api/coupons/${read}`, kind: 'get' }
      : { path: '/api/coupons/claim', kind: 'claim' }),
    ...{ coupon: name, coupons: 1, seconds: options.seconds },
    firstUser: (round * urls.length + node) * usersOfLoad + 2,
    connections: Math.ceil(options.connections / urls.length),
  });
  const cpuNow = () => ({
    node: pids.reduce((sum, pid) => sum + (cpuSecondsOf(pid) ?? Number.NaN), 0),
    postgres: server.cpuSeconds() ?? Number.NaN,
    redis: cpuSecondsOf(redis.pid) ?? Number.NaN,
  });
  let before = cpuNow();
  let after = before;
  let loads: LoadFigures[] = [];
  const queries = await queriesDuring(database, async () => {
    before = cpuNow();
    loads = await Promise.all(urls.map((url, node) => generator.send(orderOf(url, node), cleanUp)));
    after = cpuNow();
  });
  for (const load of loads) check(load, request);
  const answers = loads.reduce((sum, load) => sum + load.answers, 0);
  const perAnswer = (part: keyof typeof before) => ((after[part] - before[part]) * 1e6) / answers;
  return {
    rate: loads.reduce((sum, load) => sum + load.answers / load.seconds, 0),
    p99Ms: Math.max(...loads.map((load) => load.p99Ms)),
    ...{ node: perAnswer('node'), postgres: perAnswer('postgres'), redis: perAnswer('redis') },
    ...{ seconds: Math.max(...loads.map((load) => load.seconds)), queries },
  };
}

function check({ answers, not2xx, lost }: LoadFigures, request: Request): void {
  const isWrong = request === 'sold out' ? not2xx < answers : not2xx > 0;
  if (answers === 0 || isWrong || lost > 0) {
    throw new Error(`${request}: ${answers} answers, ${not2xx} not 2xx, ${lost} lost`);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function lineOf(name: string, runs: readonly Measured[], idleQueries: number): string {
  const queriesOf = ({ queries, seconds }: Measured) =>
    (queries.count - idleQueries * queries.seconds) / seconds;
  const figures = [
    ...(['rate', 'p99Ms', 'node', 'postgres', 'redis'] as const).map((part) =>
      median(runs.map((run) => run[part])),
    ),
    median(runs.map(queriesOf)),
  ];
  return `${name.padEnd(26)}${figures.map((figure) => shown(figure).padStart(9)).join(' ')}`;
}
