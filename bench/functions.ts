// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * `npm run bench:functions`: the functions that decide batches, called one after the other on one connection, with release 0.1,
 * its function and its tables, as the measure. Each pair runs both, in turns; the medians of the ratios are printed.
 */
import { randomUUID } from 'node:crypto';
import { Command } from 'commander';
import pg from 'pg';
import { type CleanUp, runCleanly } from './clean-up.ts';
import { type BenchDatabase, startDatabaseServer } from './database-server.ts';
import { installSchema, lastOfRelease01 } from './install-schema.ts';
import { parse, wholeNumber } from './options.ts';
import { exactCpuSecondsOf, parentNamed } from './proc.ts';
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
    .option('--claims <count>', 'claims in each run of large batches', wholeNumber, 20_000),
  process.argv.slice(2),
);

/** One run: how many commands a second, in all and of CPU time of the session, and how many bytes of WAL each wrote. */
type Run = { rate: number; cpuRate: number | undefined; walBytes: number };

/** A database with a session that prepares its statements, as those of the service do. */
type Session = {
  database: BenchDatabase;
  query: pg.Client['query'];
  isRelease01: boolean;
  /** Undefined when this machine cannot see the process of the session. */
  cpuSeconds(): number | undefined;
};

/** Calls a statement once for each batch of users. */
type Decide = (coupon: string, users: readonly string[]) => [sql: string, values: unknown[]];

const claimWith =
  (from: string): Decide =>
  (coupon, users) => [
    `select * from ${from}`,
    [
      randomUUID(),
      coupon,
      users,
      users.map((user) => claimIdOf(coupon, user)),
      users.map(() => null),
    ],
  ];

const claimBefore = claimWith('claim_batch($1, $2, $3, $4, $5, true)');
const claimNow = claimWith('claim_batch_2($1, $2, $3, $4, $5, true) where require_durability()');

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
  const release01 = await openSession(await server.createDatabase('release 01'), true, cleanUp);
  const now = await openSession(await server.createDatabase('functions'), false, cleanUp);
  // The least that the check accepts here, so that it reads every setting.
  const guarded = await openSession(now.database, false, cleanUp);
  await guarded.query(`set firstcome.durability_min = 'local'`);
  process.stdout.write(`PostgreSQL ${server.version}, ${pairs} pairs\n\n`);
  for (const size of [1, 8, 128, 1000]) {
    // Small batches take longer for each claim.
    const count = Math.min(claims, size * 2_000);
    const before: Run[] = [];
    const plain: Run[] = [];
    const checked: Run[] = [];
    const held: Run[] = [];
    for (let pair = 0; pair < pairs; pair += 1) {
      const runs = [
        async () => before.push((await newClaims(release01, size, count, null)).run),
        async () => plain.push((await newClaims(now, size, count, null)).run),
        async () => checked.push((await newClaims(guarded, size, count, null)).run),
        async () => held.push((await newClaims(now, size, count, 600)).run),
      ];
      for (const run of pair % 2 === 0 ? runs : runs.reverse()) await run();
    }
    print(`claims in batches of ${size}, release 0.1`, before, before);
    print(`claims in batches of ${size}`, plain, before);
    print(`claims in batches of ${size}, guarded`, checked, plain);
    print(`holds in batches of ${size}`, held, before);
  }
  const held: Run[] = [];
  const changes = new Map<string, Run[]>();
  for (let pair = 0; pair < pairs; pair += 1) {
    for (const change of ['confirm spread', 'confirm in order', 'release']) {
      const { name, run } = await newClaims(now, 128, claims, 600);
      held.push(run);
      const order = change === 'confirm spread' ? spread(claims) : range(claims);
      const decided = await decideAll(
        now,
        changeWith(change.split(' ')[0] ?? ''),
        name,
        order,
        128,
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

/** Opens a session like those of the service, and installs the tables if there are none. */
async function openSession(
  ...[database, isRelease01, cleanUp]: [BenchDatabase, boolean, CleanUp]
): Promise<Session> {
  const [row] = await database.query<{ is_empty: boolean }>(
    `select to_regclass('coupons') is null as is_empty`,
  );
  if (row?.is_empty) await installSchema(database, isRelease01 ? lastOfRelease01 : undefined);
  const client = new pg.Client({
    connectionString: database.url,
    application_name: 'firstcome bench',
    options: '-c search_path=firstcome,public -c enable_seqscan=off -c jit=off',
  });
  client.on('error', () => undefined);
  await client.connect();
  cleanUp.add(() => client.end());
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const pid = rows[0]?.pid ?? 0;
  // On another machine the same pid belongs to another process.
  const isHere = parentNamed(pid, 'postgres') !== undefined;
  const cpuSeconds = () => (isHere ? exactCpuSecondsOf(pid) : undefined);
  return { database, isRelease01, query: client.query.bind(client), cpuSeconds };
}

/** The same id for the same user and coupon: clients send the id of the claim that they change. */
function claimIdOf(coupon: string, user: string): string {
  return coupon.slice(0, 24) + user.slice(-12).replace(/\D/, '0');
}

/** Creates a coupon with a unit to spare, and claims the others. */
async function newClaims(
  ...[session, size, count, holdSeconds]: [Session, number, number, number | null]
): Promise<{ name: string; run: Run }> {
  const { database, isRelease01 } = session;
  const name = randomUUID();
  await database.query(
    `with created as (
       insert into coupons (name, amount, remaining_amount, ledger_seq, decided_at, created_at)
       values ($1, $2, $2, 1, now(), now())
       returning *
     )
     insert into stock_ledger (coupon_id, seq, batch_id, kind, units, remaining_after, recorded_at)
     select id, 1, gen_random_uuid(), 'grant', amount, amount, now() from created`,
    [name, count + 1],
  );
  if (holdSeconds !== null) {
    await database.query('update coupons set hold_seconds = $2 where name = $1', [
      name,
      holdSeconds,
    ]);
  }
  const decide = isRelease01 ? claimBefore : claimNow;
  return { name, run: await decideAll(session, decide, name, range(count), size) };
}

async function decideAll(
  ...[{ database, query, cpuSeconds }, decide, coupon, numbers, size]: [
    ...[Session, Decide, string, readonly number[], number],
  ]
): Promise<Run> {
  await database.checkpoint();
  const walBefore = await walOf(database);
  const cpuBefore = cpuSeconds();
  const startedMs = performance.now();
  for (let from = 0; from < numbers.length; from += size) {
    const [text, values] = decide(coupon, numbers.slice(from, from + size).map(userOf));
    await query({ name: text.slice(0, 40), text, values, rowMode: 'array' });
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const cpuAfter = cpuSeconds();
  const walBytes = (await walOf(database)) - walBefore;
  return {
    rate: numbers.length / seconds,
    cpuRate:
      cpuBefore === undefined || cpuAfter === undefined || cpuAfter === cpuBefore
        ? undefined
        : numbers.length / (cpuAfter - cpuBefore),
    walBytes: walBytes / numbers.length,
  };
}

async function walOf(database: BenchDatabase): Promise<number> {
  const [row] = await database.query<{ bytes: string }>(
    `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as bytes`,
  );
  return Number(row?.bytes);
}

function print(what: string, runs: readonly Run[], measure: readonly Run[]): void {
  const bytes = runs.map(({ walBytes }, index) => walBytes - (measure[index]?.walBytes ?? 0));
  const columns = [
    what.padEnd(38),
    `${shown(Math.round(median(runs.map(({ rate }) => rate)) ?? 0))}/s`.padStart(10),
    `x ${ratioOf('rate', runs, measure)}`.padStart(9),
    `CPU x ${ratioOf('cpuRate', runs, measure)}`.padStart(13),
    `${(median(runs.map(({ walBytes }) => walBytes)) ?? 0).toFixed(0)} B WAL`.padStart(11),
    `${(median(bytes) ?? 0).toFixed(1)} more`.padStart(13),
  ];
  process.stdout.write(`${columns.join('')}\n`);
}

/** The median of the ratios of all pairs. */
function ratioOf(
  ...[of, runs, measure]: ['rate' | 'cpuRate', readonly Run[], readonly Run[]]
): string {
  const ratios = runs.flatMap((run, index) => {
    const ratio = (run[of] ?? Number.NaN) / (measure[index]?.[of] ?? Number.NaN);
    return Number.isNaN(ratio) ? [] : [ratio];
  });
  return median(ratios)?.toFixed(3) ?? '-';
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** The same numbers in an order in which consecutive ones are far apart. */
function spread(count: number): number[] {
  return range(count).toSorted((one, other) => userOf(one).localeCompare(userOf(other)));
}
