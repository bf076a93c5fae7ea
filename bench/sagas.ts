// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * `npm run bench:sagas`: has a service run three-step sagas of claims that are made at once, and compares with a loop of three
 * plain `fetch` calls for each saga to the same participant. Both take turns; the medians are printed.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { type CleanUp, runCleanly, say } from './clean-up.ts';
import { compiled } from './compile.ts';
import { type BenchDatabase, startDatabaseServer } from './database-server.ts';
import { databaseOptions, parse, wholeNumber } from './options.ts';
import { cpuSecondsOf } from './proc.ts';
import { launch } from './processes.ts';
import { sagaName, sagasFile, stepNames } from './sagas-file.ts';
import { median, shown } from './statistics.ts';
import { missingBuild, nodeFlags } from './targets.ts';

type Options = {
  databaseUrl?: string;
  folder?: string;
  sagas: number;
  rounds: number;
  atOnce: number;
};

const options = parse<Options>(
  databaseOptions(
    new Command('npm run bench:sagas --').description(
      'Runs three-step sagas, and compares with three plain calls of fetch for each.',
    ),
  )
    .option('--sagas <count>', 'sagas in a round', wholeNumber, 3_000)
    .option('--rounds <count>', 'rounds of both', wholeNumber, 3)
    .option('--at-once <count>', 'plain sagas that are under way at a time', wholeNumber, 64),
  process.argv.slice(2),
);

const goal = 0.25;
const schema = 'firstcome';
const batchSize = 128;
const roundMsMax = 300_000;
const program = join(import.meta.dirname, '../dist/main.js');

process.exitCode = await runCleanly(main);

async function main(cleanUp: CleanUp): Promise<number> {
  const missing = missingBuild();
  if (missing !== undefined) throw new Error(missing);
  const { databaseUrl, folder, sagas, rounds, atOnce } = options;
  const participant = await launch(
    { args: [compiled('webhook-receiver.ts', cleanUp)], ready: /receives on (http:\S+)/ },
    cleanUp,
  );
  const server = await startDatabaseServer({ databaseUrl, folder }, cleanUp);
  const database = await server.createDatabase('sagas');
  const service = await launch(
    {
      args: [...nodeFlags(), program, 'serve'],
      env: {
        ...{ DATABASE_URL: database.url, DATABASE_SCHEMA: schema, PORT: '0', LOG_LEVEL: 'warn' },
        ...{ SAGAS_FILE: sagasFile(participant.readyValue, cleanUp), BENCH_SECRET: 's'.repeat(24) },
      },
      ready: /serves on (http:\S+)/,
    },
    cleanUp,
  );
  await database.query(`set search_path to ${schema}`);
  await database.query(
    `insert into event_relay (started_at) values (clock_timestamp())
     on conflict on constraint event_relay_primary_key do nothing`,
  );
  say(`PostgreSQL ${server.version}, ${shown(sagas)} sagas of three steps in a round`);
  const cpuNow = () => ({
    service: cpuSecondsOf(service.pid) ?? Number.NaN,
    postgres: server.cpuSeconds() ?? Number.NaN,
  });
  const runs = { plain: [] as number[], run: [] as number[], ratio: [] as number[] };
  const cpu = { service: [] as number[], postgres: [] as number[], plain: [] as number[] };
  // The first round warms up.
  for (let round = 0; round <= rounds; round += 1) {
    const before = cpuNow();
    const run = sagas / (await runSagas(database, `round ${round}`));
    const after = cpuNow();
    const ownBefore = process.cpuUsage();
    const plain = sagas / (await callPlainly(participant.readyValue, atOnce));
    const own = process.cpuUsage(ownBefore);
    if (round === 0) continue;
    cpu.plain.push((own.user + own.system) / sagas);
    runs.run.push(run);
    runs.plain.push(plain);
    runs.ratio.push(run / plain);
    cpu.service.push(((after.service - before.service) * 1e6) / sagas);
    cpu.postgres.push(((after.postgres - before.postgres) * 1e6) / sagas);
  }
  const middle = (values: readonly number[]) => shown(Math.round(median(values) ?? 0));
  say(`three plain calls: ${middle(runs.plain)} sagas/s`);
  say(`sagas from the claim to their end: ${middle(runs.run)}/s`);
  say(`ratio: ${median(runs.ratio)?.toFixed(2)}, at least ${goal} is the goal`);
  say(
    `CPU of a saga in us: service ${middle(cpu.service)}, PostgreSQL ${middle(cpu.postgres)}, ` +
      `plain calls ${middle(cpu.plain)}`,
  );
  return 0;
}

/** Makes all claims in one transaction, waits until their sagas are done, and returns the seconds in between. */
async function runSagas(database: BenchDatabase, coupon: string): Promise<number> {
  await database.query(
    `with created as (
       insert into coupons (name, amount, remaining_amount, ledger_seq, decided_at, created_at, hold_seconds, saga)
       values ($1, $2, $2, 1, clock_timestamp(), clock_timestamp(), 3600, $3)
       returning *
     )
     insert into stock_ledger (coupon_id, seq, batch_id, kind, units, remaining_after, recorded_at)
     select id, 1, gen_random_uuid(), 'grant', amount, amount, created_at from created`,
    [coupon, options.sagas, sagaName],
  );
  await database.query(
    `select count(*) from generate_series(0, ($2::integer - 1) / $3) batch
     cross join lateral (
       select array_agg('user ' || n) as users, array_agg(gen_random_uuid()) as ids,
         array_agg(null::text) as keys
       from generate_series(batch * $3 + 1, least(batch * $3 + $3, $2)) n
     ) claim
     cross join lateral claim_batch_2(gen_random_uuid(), $1, users, ids, keys, true)`,
    [coupon, options.sagas, batchSize],
  );
  const startedMs = performance.now();
  for (;;) {
    const [row] = await database.query<{ done: number; ended: number }>(
      `select count(*) filter (where state = 'D')::integer as done,
         count(*) filter (where state in ('D', 'X', 'A'))::integer as ended
       from sagas where coupon_id = (select id from coupons where name = $1)`,
      [coupon],
    );
    if (row?.done === options.sagas) return (performance.now() - startedMs) / 1_000;
    if (row?.ended !== row?.done) throw new Error('a saga was not done');
    if (performance.now() - startedMs > roundMsMax) throw new Error('the sagas take too long');
    await delay(100);
  }
}

/** Makes three calls for each saga, one after the other, and returns the seconds that all take. */
async function callPlainly(url: string, atOnce: number): Promise<number> {
  const body = JSON.stringify({ saga_id: 'x'.repeat(36), claim: 'x'.repeat(200), data: {} });
  const headers = { 'content-type': 'application/json' };
  let left = options.sagas;
  const startedMs = performance.now();
  const work = async () => {
    while (left > 0) {
      left -= 1;
      for (const name of stepNames) {
        const answer = await fetch(`${url}/${name}`, { method: 'POST', headers, body });
        await answer.arrayBuffer();
        if (!answer.ok) throw new Error(`the participant answered ${answer.status}`);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return (performance.now() - startedMs) / 1_000;
}
