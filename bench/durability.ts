// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * `npm run bench:durability`: what DURABILITY_MIN=replicated costs. Two services use the same primary, whose commits wait for a
 * synchronous standby; one requires that, the other only `local`. They take turns under the same load.
 */
import { join } from 'node:path';
import { Command } from 'commander';
import type { DurabilityMin } from '../src/core/health.ts';
import { type CleanUp, runCleanly, say } from './clean-up.ts';
import { findGenerator, type Generator, wrkMissing } from './load.ts';
import { parse, wholeNumber } from './options.ts';
import { type Launched, launch } from './processes.ts';
import { coupon, sendAll } from './set-up.ts';
import { median, ratio, shown } from './statistics.ts';
import { type Pair, startPair } from './synchronous-pair.ts';
import { missingBuild, nodeFlags } from './targets.ts';

type Options = { rounds: number; turns: number; folder?: string };

const { rounds, turns, folder } = parse<Options>(
  new Command('npm run bench:durability --')
    .description(
      'Compares claims with DURABILITY_MIN=replicated and with local, on the same synchronous pair. ' +
        'Each round starts both services anew, and measures them in turns.',
    )
    .option('--rounds <count>', 'rounds', wholeNumber, 3)
    .option('--turns <count>', 'turns of each round, of a second for each service', wholeNumber, 4)
    .option('--folder <path>', 'parent of the temporary data folder'),
  process.argv.slice(2),
);

const levels = ['local', 'replicated'] as const satisfies DurabilityMin[];
const couponName = 'GUARD';
const connectionCounts = [1, 64];
const units = 2_000_000_000;
const turnSeconds = 1;

type Level = (typeof levels)[number];

/** One turn of both at a number of connections. */
type Measured = Record<Level, { rate: number; p50Ms: number }>;

process.exitCode = await runCleanly(main);

async function main(cleanUp: CleanUp): Promise<number> {
  const generator = findGenerator();
  const missing = generator === undefined ? wrkMissing : missingBuild();
  if (generator === undefined || missing !== undefined) {
    say(missing ?? '');
    return 1;
  }
  const pair = await startPair(folder, cleanUp);
  const first = await startService(pair.primary.url(), 'local', cleanUp);
  await sendAll(first.readyValue, [coupon(couponName, units)]);
  await first.stop();
  const measured = new Map(connectionCounts.map((count) => [count, [] as Measured[]]));
  for (let round = 0; round < rounds; round += 1) {
    await measureRound(pair, round, generator, measured, cleanUp);
  }
  for (const [connections, all] of measured) report(connections, all);
  return 0;
}

/** Measures both levels in turns, of which every second one has the other order. */
async function measureRound(
  { primary }: Pair,
  round: number,
  generator: Generator,
  measured: ReadonlyMap<number, Measured[]>,
  cleanUp: CleanUp,
): Promise<void> {
  const services = [];
  for (const level of round % 2 === 0 ? levels : levels.toReversed()) {
    services.push({ level, ...(await startService(primary.url(), level, cleanUp)) });
  }
  let users = 0;
  for (const [connections, all] of measured) {
    const load = async (url: string) => {
      users += 1_000_000;
      const figures = await generator.send(
        {
          ...{ url, path: '/api/coupons/claim', kind: 'claim', coupon: couponName },
          ...{ firstUser: round * 100_000_000 + users, coupons: 1 },
          ...{ connections, seconds: turnSeconds },
        },
        cleanUp,
      );
      if (figures.not2xx > 0) throw new Error(`${figures.not2xx} claims were refused`);
      return { rate: figures.answers / figures.seconds, p50Ms: figures.p50Ms };
    };
    for (const { readyValue: url } of services) await load(url);
    for (let turn = 0; turn < turns; turn += 1) {
      const figures: Partial<Measured> = {};
      for (const { level, readyValue: url } of turn % 2 === 0 ? services : services.toReversed()) {
        figures[level] = await load(url);
      }
      all.push(figures as Measured);
    }
  }
  for (const service of services) await service.stop();
}

async function startService(url: string, level: Level, cleanUp: CleanUp): Promise<Launched> {
  return await launch(
    {
      args: [...nodeFlags(), join(import.meta.dirname, '../dist/main.js'), 'serve'],
      env: {
        ...{ PORT: '0', LOG_LEVEL: 'error', DATABASE_URL: url },
        ...{ DURABILITY_MIN: level, STOCK_CHECK_INTERVAL_MS: '0' },
      },
      ready: /serves on (http:\S+)/,
    },
    cleanUp,
  );
}

function report(connections: number, all: readonly Measured[]): void {
  const ratios = all.map(({ local, replicated }) => ratio(replicated.rate, local.rate) ?? 0);
  const shownLevel = (level: Level) =>
    `${level} ${shown(median(all.map((one) => one[level].rate)))} claims/s, ` +
    `p50 ${shown(median(all.map((one) => one[level].p50Ms)))} ms`;
  say(
    `connections ${connections}: ${levels.map(shownLevel).join('; ')}; ` +
      `replicated/local ${median(ratios)?.toFixed(3)} (${ratios.map((one) => one.toFixed(3)).join(', ')})`,
  );
}
