// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * `npm run bench:streams`: claims of one coupon by two services that take turns of a second, before and after 5,000 event
 * streams of one of them follow the coupon. Two processes of the same program differ by more than the streams cost, so what
 * counts is how the ratio of the two changes. Turns with a second coupon, which no stream follows, separate the cost of the
 * events from that of open streams. Measures the rate and the CPU time of claims, the memory of the streams, and whether each
 * stream shows the last claim in the end.
 */
import { join } from 'node:path';
import { Command } from 'commander';
import { type CleanUp, runCleanly, say } from './clean-up.ts';
import { compiled } from './compile.ts';
import { type DatabaseServer, startDatabaseServer } from './database-server.ts';
import { findGenerator, type Generator, wrkMissing } from './load.ts';
import { databaseOptions, parse, wholeNumber } from './options.ts';
import { cpuSecondsOf, residentMbOf } from './proc.ts';
import { type Launched, launch } from './processes.ts';
import { coupon, sendAll } from './set-up.ts';
import { median, memoryText, shown } from './statistics.ts';
import { missingBuild, nodeFlags } from './targets.ts';

type Options = {
  databaseUrl?: string;
  folder?: string;
  streams: number;
  pairs: number;
  seconds: number;
  warmSeconds: number;
  connections: number;
};

const options = parse<Options>(
  databaseOptions(
    new Command('npm run bench:streams --').description(
      'Compares claims of a coupon with many open event streams with claims without.',
    ),
  )
    .option('--streams <count>', 'open event streams', wholeNumber, 5_000)
    .option('--pairs <count>', 'turns of each kind', wholeNumber, 12)
    .option('--seconds <count>', 'seconds of a turn', wholeNumber, 1)
    .option('--warm-seconds <count>', 'seconds of the load before the first turn', wholeNumber, 6)
    .option('--connections <count>', 'connections of clients that claim', wholeNumber, 256),
  process.argv.slice(2),
);

const goals = { ratio: 0.9, memoryMb: 100 };
const followed = 'followed';
const other = 'other';
const plenty = 2_000_000_000;
// The users of one load come after those of the load before.
const usersOfLoad = 1_000_000;
const lastEventMsMax = 60_000;
const restMs = 1_000;

type Turn = { rate: number; p99Ms: number; cpuUs: number };

/** A service, and its turns: before the streams, and afterwards for the coupon that they follow and for the other one. */
type Service = Launched & { turns: Record<'before' | 'followed' | 'other', Turn[]> };

/** A service without streams, and one that has them. */
type Services = { without: Service; withStreams: Service };

process.exitCode = await runCleanly(main);

async function main(cleanUp: CleanUp): Promise<number> {
  const { databaseUrl, folder, streams, seconds, connections, warmSeconds } = options;
  const generator = findGenerator();
  const missing = generator === undefined ? wrkMissing : missingBuild();
  if (generator === undefined || missing !== undefined) {
    say(missing ?? wrkMissing);
    return 1;
  }
  const server = await startDatabaseServer({ databaseUrl, folder }, cleanUp);
  say(
    `PostgreSQL ${server.version}, ${generator.name}, ${connections} connections, ${shown(streams)} streams, ${seconds} s`,
  );
  const services = {
    without: await startService('without', server, cleanUp),
    withStreams: await startService('with', server, cleanUp),
  };
  const load = loadOf(generator, cleanUp);
  for (const service of Object.values(services)) await load(service, followed, warmSeconds);
  await takeTurns(async () => {
    for (const service of Object.values(services)) {
      service.turns.before.push(await load(service, followed, seconds));
    }
  });
  await sayMemory('before the streams are open', services);
  const clients = await openStreams(services.withStreams, cleanUp);
  await sayMemory('once they are open', services);
  const eventRates: number[] = [];
  const moreMb: number[] = [];
  await takeTurns(async () => {
    for (const service of Object.values(services)) {
      service.turns.other.push(await load(service, other, seconds));
    }
    services.without.turns.followed.push(await load(services.without, followed, seconds));
    const eventsBefore = await eventsOf(services.withStreams);
    services.withStreams.turns.followed.push(await load(services.withStreams, followed, seconds));
    eventRates.push(((await eventsOf(services.withStreams)) - eventsBefore) / seconds);
    moreMb.push(moreMemoryOf(services) ?? Number.NaN);
    await allEventsWritten(services.withStreams);
  });
  sayTurns(services);
  say(`events: ${shown(median(eventRates))} a second while the followed coupon was claimed`);
  say(
    `memory right after such a turn: median ${memoryText(median(moreMb))} more, at most ${memoryText(Math.max(...moreMb))}`,
  );
  await sayMemory('at the end', services);
  return (await allShowTheLast(services.withStreams, clients)) ? 0 : 1;
}

async function takeTurns(take: () => Promise<void>): Promise<void> {
  for (let round = 0; round < options.pairs; round += 1) await take();
}

async function startService(
  name: string,
  server: DatabaseServer,
  cleanUp: CleanUp,
): Promise<Service> {
  const database = await server.createDatabase(`streams_${name}`);
  const env = { PORT: '0', LOG_LEVEL: 'error', DATABASE_URL: database.url };
  const limits = { EVENT_STREAMS_MAX: String(options.streams) };
  const args = [...nodeFlags(), join(import.meta.dirname, '../dist/main.js'), 'serve'];
  const ready = /serves on (http:\S+)/;
  const service = await launch({ args, env: { ...env, ...limits }, ready }, cleanUp);
  await sendAll(
    service.readyValue,
    [followed, other].map((couponName) => coupon(couponName, plenty)),
  );
  return { ...service, turns: { before: [], followed: [], other: [] } };
}

function openStreams(service: Service, cleanUp: CleanUp): Promise<Launched> {
  const url = new URL(`/api/coupons/${followed}/events`, service.readyValue).href;
  const args = [compiled('stream-clients.ts', cleanUp), url, String(options.streams)];
  return launch({ args, ready: /all streams are open: (\d+)/ }, cleanUp);
}

/** Sends claims of further users to a service. */
function loadOf(generator: Generator, cleanUp: CleanUp) {
  let loads = 0;
  return async (
    { readyValue, pid }: Launched,
    couponName: string,
    seconds: number,
  ): Promise<Turn> => {
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
    const { answers, not2xx, lost, p99Ms } = load;
    if (answers === 0 || not2xx > 0 || lost > 0) {
      throw new Error(`${answers} claims had an answer, ${not2xx} no success, and ${lost} none`);
    }
    const cpuSeconds = (cpuSecondsOf(pid) ?? Number.NaN) - cpuBefore;
    return { rate: answers / load.seconds, p99Ms, cpuUs: (cpuSeconds * 1e6) / answers };
  };
}

function sayTurns({ without, withStreams }: Services): void {
  const kinds = { before: 'before', other: 'other coupon', followed: 'followed coupon' } as const;
  for (const [name, { turns }] of [
    ['without', without],
    ['with', withStreams],
  ] as const) {
    for (const kind of ['before', 'other', 'followed'] as const) {
      const middle = (part: keyof Turn) => shown(median(turns[kind].map((turn) => turn[part])));
      say(
        `service ${name.padEnd(7)} ${kinds[kind].padEnd(15)} ${middle('rate')} claims/s, p99 ${middle('p99Ms')} ms, ` +
          `${middle('cpuUs')} us of CPU of the service for a claim`,
      );
    }
  }
  const compare = (by: string, ratio: (one: Turn, base: Turn) => number) => {
    const ratioOf = (kind: keyof Service['turns']) => {
      const ratios = withStreams.turns[kind].map((turn, round) =>
        ratio(turn, without.turns[kind][round] as Turn),
      );
      const middle = median(ratios) ?? Number.NaN;
      const all = ratios.map((one) => one.toFixed(2)).join(' ');
      say(`${by}, with to without, ${kinds[kind]}: median ratio ${middle.toFixed(2)} (${all})`);
      return middle;
    };
    const before = ratioOf('before');
    const changes = { open: ratioOf('other') / before, followed: ratioOf('followed') / before };
    say(
      `${by}: ${changes.open.toFixed(2)} beside open streams, ${changes.followed.toFixed(2)} beside streams that follow the coupon, ` +
        `at least ${goals.ratio} is the goal`,
    );
  };
  compare('claims a second', (one, base) => one.rate / base.rate);
  compare('claims for the same CPU of the service', (one, base) => base.cpuUs / one.cpuUs);
}

/** Both services have had the same loads, so the difference is the memory of the streams. */
function moreMemoryOf({ without, withStreams }: Services): number | undefined {
  const [base, all] = [residentMbOf(without.pid), residentMbOf(withStreams.pid)];
  return base === undefined || all === undefined ? undefined : all - base;
}

async function sayMemory(when: string, services: Services): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, restMs));
  const [base, all] = [residentMbOf(services.without.pid), residentMbOf(services.withStreams.pid)];
  say(
    `memory ${when}: ${memoryText(base)} without, ${memoryText(all)} with, ${memoryText(moreMemoryOf(services))} more, ` +
      `under ${goals.memoryMb} MB is the goal`,
  );
}

async function eventsOf({ readyValue }: Launched): Promise<number> {
  const response = await fetch(new URL('/metrics', readyValue));
  const count = /^firstcome_event_stream_events_total (\S+)$/m.exec(await response.text())?.[1];
  return Number(count);
}

/** Waits until no stream gets a further event, so that none comes during the next turn. */
async function allEventsWritten(service: Service): Promise<void> {
  let last = Number.NaN;
  for (let now = await eventsOf(service); now !== last; now = await eventsOf(service)) {
    last = now;
    await new Promise((resolve) => setTimeout(resolve, restMs));
  }
}

/** Waits until every stream shows what the coupon shows, and prints how long that took. */
async function allShowTheLast({ readyValue }: Launched, clients: Launched): Promise<boolean> {
  const startMs = performance.now();
  const response = await fetch(new URL(`/api/coupons/${followed}`, readyValue));
  const { remaining_amount: remaining } = (await response.json()) as { remaining_amount: number };
  let line = '';
  const look = (chunk: Buffer | string) => {
    line = /.*(SHOWN .*\})/s.exec(String(chunk))?.[1] ?? line;
  };
  clients.child.stdout?.on('data', look);
  const wanted = `SHOWN ${JSON.stringify({ closed: 0, lowest: remaining, highest: remaining })}`;
  while (line !== wanted && performance.now() - startMs < lastEventMsMax) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  if (line === wanted)
    say(
      `all streams showed the last claim within ${shown((performance.now() - startMs) / 1000)} s`,
    );
  else say(`not all streams show the last claim: ${line}, expected ${wanted}`);
  return line === wanted;
}
