// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * `npm run bench:console`: what a watched sale costs its claims. One service gets claims of one coupon in turns of a second. In
 * every second turn the console of some operators is open: the stream of outcomes, the overview each second, and health and
 * metrics every five seconds. Counting the outcomes is always on, so both kinds of turns have its cost.
 */
import { join } from 'node:path';
import { Command } from 'commander';
import { type CleanUp, runCleanly, say } from './clean-up.ts';
import { startDatabaseServer } from './database-server.ts';
import { findGenerator, type Generator, wrkMissing } from './load.ts';
import { describeMachine } from './machine.ts';
import { databaseOptions, parse, wholeNumber } from './options.ts';
import { cpuSecondsOf } from './proc.ts';
import { type Launched, launch } from './processes.ts';
import { saveResult } from './save-result.ts';
import { coupon, sendAll } from './set-up.ts';
import { median, shown } from './statistics.ts';
import { missingBuild, nodeFlags } from './targets.ts';

type Options = {
  databaseUrl?: string;
  folder?: string;
  output?: string;
  operators: number;
  pairs: number;
  warmSeconds: number;
  connections: number;
};

const options = parse<Options>(
  databaseOptions(
    new Command('npm run bench:console --').description(
      'Compares claims of a coupon that operators watch in the console with claims that nobody watches.',
    ),
  )
    .option('--operators <count>', 'open consoles', wholeNumber, 1)
    .option('--pairs <count>', 'turns of each kind', wholeNumber, 30)
    .option('--warm-seconds <count>', 'seconds of the load before the first turn', wholeNumber, 6)
    .option('--connections <count>', 'connections of clients that claim', wholeNumber, 64)
    .option('--output <file>', 'file for the results, instead of one in bench/results'),
  process.argv.slice(2),
);

const couponName = 'watched';
const plenty = 2_000_000_000;
const turnSeconds = 1;
// The users of one load come after those of the load before.
const usersOfLoad = 1_000_000;
// The console reads these less often than the overview.
const turnsBetweenHealth = 5;

type Turn = { rate: number; p50Ms: number; p99Ms: number; cpuUs: number };
type Pair = { watched: Turn; unwatched: Turn };

process.exitCode = await runCleanly(main);

async function main(cleanUp: CleanUp): Promise<number> {
  const { databaseUrl, folder, output, operators, connections, warmSeconds } = options;
  const generator = findGenerator();
  const missing = generator === undefined ? wrkMissing : missingBuild();
  if (generator === undefined || missing !== undefined) {
    say(missing ?? wrkMissing);
    return 1;
  }
  const server = await startDatabaseServer({ databaseUrl, folder }, cleanUp);
  say(
    `PostgreSQL ${server.version}, ${generator.name}, ${connections} connections, consoles: ${operators}`,
  );
  const database = await server.createDatabase('console');
  const service = await launch(
    {
      args: [...nodeFlags(), join(import.meta.dirname, '../dist/main.js'), 'serve'],
      env: { PORT: '0', LOG_LEVEL: 'error', DATABASE_URL: database.url },
      ready: /serves on (http:\S+)/,
    },
    cleanUp,
  );
  await sendAll(service.readyValue, [coupon(couponName, plenty)]);
  const load = loadOn(service, generator, cleanUp);
  await load(warmSeconds);
  const pairs: Pair[] = [];
  for (let round = 0; round < options.pairs; round += 1) pairs.push(await takePair(round));
  const machine = describeMachine({
    ...{ postgres: server.version, generator: generator.name, folder },
  });
  const result = { machine, options: { operators, connections }, pairs, violations: [] };
  return saveResult(result, { name: 'console', output, lines: reportOf(pairs) });

  /** Every second pair has the other order. */
  async function takePair(round: number): Promise<Pair> {
    const watch = async () => {
      const consoles = await openConsoles(service.readyValue, operators, round);
      const turn = await load(turnSeconds);
      await consoles.close();
      return turn;
    };
    if (round % 2 === 0) {
      const unwatched = await load(turnSeconds);
      return { unwatched, watched: await watch() };
    }
    const watched = await watch();
    return { watched, unwatched: await load(turnSeconds) };
  }
}

/** Sends claims of further users to the service. */
function loadOn({ readyValue, pid }: Launched, generator: Generator, cleanUp: CleanUp) {
  let loads = 0;
  return async (seconds: number): Promise<Turn> => {
    loads += 1;
    const cpuBefore = cpuSecondsOf(pid) ?? Number.NaN;
    const load = await generator.send(
      {
        ...{ url: readyValue, path: '/api/coupons/claim', kind: 'claim', coupons: 1, seconds },
        ...{ coupon: couponName, firstUser: loads * usersOfLoad },
        connections: options.connections,
      },
      cleanUp,
    );
    const { answers, not2xx, lost, p50Ms, p99Ms } = load;
    if (answers === 0 || not2xx > 0 || lost > 0) {
      throw new Error(`${answers} claims had an answer, ${not2xx} no success, and ${lost} none`);
    }
    const cpuSeconds = (cpuSecondsOf(pid) ?? Number.NaN) - cpuBefore;
    return { rate: answers / load.seconds, p50Ms, p99Ms, cpuUs: (cpuSeconds * 1e6) / answers };
  };
}

/** Opens the consoles of a turn. Each has the stream of the coupon before this returns, and reads until it is closed. */
async function openConsoles(url: string, count: number, round: number) {
  const closing = new AbortController();
  const { signal } = closing;
  const path = `/api/coupons/${couponName}`;
  const read = async (target: string) => {
    const response = await fetch(url + target, { signal });
    if (!response.ok) throw new Error(`${target} is ${response.status}`);
    await response.arrayBuffer();
  };
  const streams = await Promise.all(
    Array.from({ length: count }, () => fetch(`${url}${path}/outcomes`, { signal })),
  );
  const followed = streams.map(async ({ body }) => {
    for await (const _ of body ?? []);
  });
  const targets = [
    `${path}/overview`,
    ...(round % turnsBetweenHealth === 0 ? ['/health', '/metrics'] : []),
  ];
  const reads = streams.flatMap(() => targets.map(read));
  return {
    async close() {
      await Promise.all(reads);
      closing.abort();
      // They end by the abort, and in no other way while the service runs.
      await Promise.allSettled(followed);
    },
  };
}

function reportOf(pairs: readonly Pair[]): string[] {
  const line = (kind: keyof Pair) => {
    const middle = (part: keyof Turn) => shown(median(pairs.map((pair) => pair[kind][part])));
    return `${kind.padEnd(9)} ${middle('rate')} claims/s, p50 ${middle('p50Ms')} ms, p99 ${middle('p99Ms')} ms, ${middle('cpuUs')} us of CPU of the service for a claim`;
  };
  const compare = (by: string, ratioOf: (pair: Pair) => number) => {
    const ratios = pairs.map(ratioOf).sort((one, other) => one - other);
    const at = (share: number) => ratios[Math.floor((ratios.length - 1) * share)]?.toFixed(3);
    return `${by}, watched to unwatched: median ratio ${median(ratios)?.toFixed(3)}, half of the ${ratios.length} between ${at(0.25)} and ${at(0.75)}`;
  };
  return [
    ...(['unwatched', 'watched'] as const).map(line),
    compare('claims a second', ({ watched, unwatched }) => watched.rate / unwatched.rate),
    compare(
      'claims for the same CPU of the service',
      ({ watched, unwatched }) => unwatched.cpuUs / watched.cpuUs,
    ),
  ];
}
