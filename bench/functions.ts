// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * `npm run bench:functions`: the functions that decide batches, called one after the other on one connection, with those of
 * release 0.1 as the measure. Each pair runs both, in turns; the medians of the ratios are printed.
 */
import { randomUUID } from 'node:crypto';
import { Command } from 'commander';
import { runCleanly } from './clean-up.ts';
import { type BenchDatabase, startDatabaseServer } from './database-server.ts';
import { installSchema } from './install-schema.ts';
import { parse, wholeNumber } from './options.ts';
import { userOf } from './set-up.ts';
import { median, shown } from './statistics.ts';

type Options = { databaseUrl?: string; folder?: string; pairs: number; claims: number };

const options = parse<Options>(
  new Command('npm run bench:functions --')
    .description('Compares the functions that decide claims, in pairs on one connection.')
    .option(
      '--database-url <url>',
      'use this PostgreSQL; the user must be able to create databases',
    )
    .option('--folder <path>', 'parent of the temporary data folder of the bundled PostgreSQL')
    .option('--pairs <count>', 'pairs of runs', wholeNumber, 9)
    .option('--claims <count>', 'claims in each run', wholeNumber, 20_000),
  process.argv.slice(2),
);

/** One run: how many commands a second, and how many bytes of WAL each wrote. */
type Run = { rate: number; walBytes: number };

// With the check of the durability that each statement of the service has.
const guarded = 'claim_batch_2, guarded';
const functionOf = (name: string) => name.split(',')[0];
const guardOf = (name: string) => (name === guarded ? ' where require_durability()' : '');

/** Calls a statement once for each batch of users. */
type Decide = (coupon: string, users: readonly string[]) => [sql: string, values: unknown[]];

const claimWith =
  (name: string): Decide =>
  (coupon, users) => [
    `select * from ${functionOf(name)}($1, $2, $3, $4, $5, true)${guardOf(name)}`,
    [
      randomUUID(),
      coupon,
      users,
      users.map((user) => claimIdOf(coupon, user)),
      users.map(() => null),
    ],
  ];

const changeWith =
  (change: string): Decide =>
  (coupon, users) => {
    const none = users.map(() => null);
    const no = users.map(() => false);
    return [
      'select * from decide_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, true)',
      [
        randomUUID(),
        coupon,
        users.map(() => change),
        users,
        users.map((user) => claimIdOf(coupon, user)),
        ...[none, none],
        ...[no, no, none, users.map(() => 'admin'), none, none],
      ],
    ];
  };

process.exitCode = await runCleanly(async (cleanUp) => {
  const { databaseUrl, folder, pairs, claims } = options;
  const server = await startDatabaseServer({ databaseUrl, folder }, cleanUp);
  const database = await server.createDatabase('functions');
  // Without the functions of release 0.1 there would be nothing to compare with.
  await installSchema(database, { finish: false });
  // The least that the check accepts here, so that it reads every setting.
  await database.query(`set firstcome.durability_min = 'local'`);
  process.stdout.write(
    `PostgreSQL ${server.version}, ${pairs} pairs of ${shown(claims)} claims\n\n`,
  );
  for (const size of [128, 1000]) {
    const before: Run[] = [];
    const now: Run[] = [];
    const checked: Run[] = [];
    const held: Run[] = [];
    for (let pair = 0; pair < pairs; pair += 1) {
      const runs = [
        async () => before.push(await claimRun(database, 'claim_batch', size, null)),
        async () => now.push(await claimRun(database, 'claim_batch_2', size, null)),
        async () => checked.push(await claimRun(database, guarded, size, null)),
        async () => held.push(await claimRun(database, 'claim_batch_2', size, 600)),
      ];
      for (const run of pair % 2 === 0 ? runs : runs.reverse()) await run();
    }
    print(`claims in batches of ${size}, release 0.1`, before, before);
    print(`claims in batches of ${size}`, now, before);
    print(`claims in batches of ${size}, guarded`, checked, now);
    print(`holds in batches of ${size}`, held, before);
  }
  // Only while the functions of release 0.1 exist is a change refused.
  await database.query('drop function claim_batch(uuid, text, text[], uuid[], text[], boolean)');
  const held: Run[] = [];
  const changes = new Map<string, Run[]>();
  for (let pair = 0; pair < pairs; pair += 1) {
    for (const change of ['confirm spread', 'confirm in order', 'release']) {
      const { name, run } = await newClaims(database, 'claim_batch_2', 128, 600);
      held.push(run);
      const order = change === 'confirm spread' ? spread(claims) : range(claims);
      const decided = await decideAll(
        ...([database, changeWith(change.split(' ')[0] ?? ''), name, order, 128] as const),
      );
      changes.set(change, [...(changes.get(change) ?? []), decided]);
    }
  }
  process.stdout.write('\nin batches of 128, compared with holds\n');
  for (const [change, runs] of changes) {
    print(change, runs, held.slice(0, runs.length));
  }
  return 0;
});

/** The same id for the same user and coupon: clients send the id of the claim that they change. */
function claimIdOf(coupon: string, user: string): string {
  return coupon.slice(0, 24) + user.slice(-12).replace(/\D/, '0');
}

async function claimRun(
  ...[database, name, size, holdSeconds]: [BenchDatabase, string, number, number | null]
): Promise<Run> {
  return (await newClaims(database, name, size, holdSeconds)).run;
}

/** Creates a coupon with a unit to spare, and claims the others. */
async function newClaims(
  ...[database, name, size, holdSeconds]: [BenchDatabase, string, number, number | null]
): Promise<{ name: string; run: Run }> {
  const coupon = randomUUID();
  await database.query(
    `with created as (
       insert into coupons (name, amount, remaining_amount, ledger_seq, decided_at, created_at, hold_seconds)
       values ($1, $2, $2, 1, now(), now(), $3)
       returning *
     )
     insert into stock_ledger (coupon_id, seq, batch_id, kind, units, remaining_after, recorded_at)
     select id, 1, gen_random_uuid(), 'grant', amount, amount, now() from created`,
    [coupon, options.claims + 1, holdSeconds],
  );
  const users = range(options.claims);
  return { name: coupon, run: await decideAll(database, claimWith(name), coupon, users, size) };
}

async function decideAll(
  ...[database, decide, coupon, numbers, size]: [
    ...[BenchDatabase, Decide, string, readonly number[], number],
  ]
): Promise<Run> {
  await database.checkpoint();
  const walBefore = await walOf(database);
  const startedMs = performance.now();
  for (let from = 0; from < numbers.length; from += size) {
    await database.query(...decide(coupon, numbers.slice(from, from + size).map(userOf)));
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const walBytes = (await walOf(database)) - walBefore;
  return { rate: numbers.length / seconds, walBytes: walBytes / numbers.length };
}

async function walOf(database: BenchDatabase): Promise<number> {
  const [row] = await database.query<{ bytes: string }>(
    `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as bytes`,
  );
  return Number(row?.bytes);
}

function print(what: string, runs: readonly Run[], measure: readonly Run[]): void {
  const ratios = runs.map(({ rate }, index) => rate / (measure[index]?.rate ?? Number.NaN));
  const bytes = runs.map(({ walBytes }, index) => walBytes - (measure[index]?.walBytes ?? 0));
  const columns = [
    what.padEnd(38),
    `${shown(Math.round(median(runs.map(({ rate }) => rate)) ?? 0))}/s`.padStart(10),
    `x ${(median(ratios) ?? 0).toFixed(3)}`.padStart(9),
    `${(median(runs.map(({ walBytes }) => walBytes)) ?? 0).toFixed(0)} B WAL`.padStart(11),
    `${(median(bytes) ?? 0).toFixed(1)} more`.padStart(13),
  ];
  process.stdout.write(`${columns.join('')}\n`);
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** The same numbers in an order in which consecutive ones are far apart. */
function spread(count: number): number[] {
  return range(count).toSorted((one, other) => userOf(one).localeCompare(userOf(other)));
}
