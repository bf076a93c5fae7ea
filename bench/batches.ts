// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * `npm run bench:batches`: how long a batch of each kind takes on a session that was opened on an empty database, first and
 * once many claims are there; and how long batches of claims take while many holds are due at the same moment.
 */
import { Command } from 'commander';
import pg from 'pg';
import { batchKinds, batchSize } from './batch-kinds.ts';
import { addClaims, createCoupons, userOfRound } from './batch-tables.ts';
import { runCleanly } from './clean-up.ts';
import { type BenchDatabase, startDatabaseServer } from './database-server.ts';
import { claimDueHolds, plantDueHolds } from './due-holds.ts';
import { installSchema } from './install-schema.ts';
import { databaseOptions, parse, wholeNumber } from './options.ts';
import { median, ratio, shown } from './statistics.ts';

type Options = { databaseUrl?: string; folder?: string; claims: number; batches: number };

const options = parse<Options>(
  databaseOptions(
    new Command('npm run bench:batches --').description(
      'Measures batches of each kind on an empty database and again among many claims, and claims ' +
        'while as many holds are due at the same moment.',
    ),
  )
    .option(
      '--claims <count>',
      'claims of each coupon, and holds that are due',
      wholeNumber,
      100_000,
    )
    .option('--batches <count>', 'batches of each kind', wholeNumber, 9),
  process.argv.slice(2),
);

process.exitCode = await runCleanly(async (cleanUp) => {
  const { databaseUrl, folder, claims, batches } = options;
  const perRound = batchKinds.length * batches;
  if (claims < perRound * batchSize) {
    throw new Error(`--claims must be at least ${shown(perRound * batchSize)}`);
  }
  const server = await startDatabaseServer({ databaseUrl, folder }, cleanUp);
  process.stdout.write(`PostgreSQL ${server.version}, batches of ${batchSize}\n\n`);
  await compareKinds(await newDatabase('batches'), claims, batches);
  await expireTogether(await newDatabase('due'), claims);
  return 0;

  async function newDatabase(name: string): Promise<BenchDatabase> {
    const database = await server.createDatabase(name);
    await installSchema(database);
    return database;
  }
});

/** Runs batches of each kind on one session: on a database without claims, with few, and with many. */
async function compareKinds(
  database: BenchDatabase,
  claims: number,
  batches: number,
): Promise<void> {
  await createCoupons(database.query, batchSize);
  const session = new pg.Client({
    ...{ connectionString: database.url, options: '-c search_path=firstcome' },
  });
  await session.connect();
  const runAll = async (round: number, claimsOfRound: number) => {
    const step = Math.floor(claimsOfRound / batchSize);
    const times = new Map<string, number[]>();
    for (const [index, { name, prepare }] of batchKinds.entries()) {
      times.set(name, []);
      for (let batch = 0; batch < batches; batch += 1) {
        const users = Array.from({ length: batchSize }, (_, place) =>
          userOfRound(round, 1 + place * step + index * batches + batch),
        );
        const { sql, values } = await prepare(database.query, users);
        const startedMs = performance.now();
        await session.query(sql, values);
        times.get(name)?.push(performance.now() - startedMs);
      }
    }
    return times;
  };
  const fewClaims = batchSize * batchKinds.length * batches;
  await runAll(0, fewClaims);
  await addClaims(database.query, 1, fewClaims);
  const first = await runAll(1, fewClaims);
  await addClaims(database.query, 2, claims);
  await database.checkpoint();
  const then = await runAll(2, claims);
  await session.end();

  printRow(`first, then at ${shown(claims)} claims`, [
    ...['first', 'median', 'then median', 'longest', 'medians', 'longest/first'],
  ]);
  for (const [name, times] of first) {
    const later = then.get(name) ?? [];
    const longest = Math.max(...later);
    printRow(name, [
      ...[ms(times[0]), ms(median(times)), ms(median(later)), ms(longest)],
      ...[timesOf(median(later), median(times)), timesOf(longest, times[0])],
    ]);
  }
}

/** Claims of one session while all holds of a coupon are due. */
async function expireTogether(database: BenchDatabase, holds: number): Promise<void> {
  const sale = { coupon: 'due', holds, sessions: 1, batchSize };
  await plantDueHolds(database.query, sale.coupon, holds);
  await database.checkpoint();
  const { outcomes, batchMs, releasedWithinMs } = await claimDueHolds(database, sale);
  const refused = outcomes.sold_out ?? 0;
  process.stdout.write(
    `\n${shown(holds)} holds due at the same moment, claims of one session arriving\n` +
      `released within ${(releasedWithinMs / 1000).toFixed(1)} s\n` +
      `longest batch   ${ms(Math.max(...batchMs))} (median ${ms(median(batchMs))}, ${shown(batchMs.length)} batches)\n` +
      `false sold_out  ${shown(refused)} of ${shown(batchMs.length * batchSize)} claims\n`,
  );
  if (refused > 0) throw new Error('claims were refused while a unit was left');
}

function ms(value: number | undefined): string {
  return `${(value ?? Number.NaN).toFixed(1)} ms`;
}

function timesOf(later: number | undefined, first: number | undefined): string {
  return `x ${(ratio(later, first) ?? Number.NaN).toFixed(2)}`;
}

function printRow(name: string, columns: string[]): void {
  process.stdout.write(`${name.padEnd(36)}${columns.map((one) => one.padStart(14)).join('')}\n`);
}
