// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * `npm run bench:failover`: how long a failover takes for clients when DATABASE_URL names both servers of a synchronous pair, and
 * what it does to their claims. One service, and clients that claim all the time, each for a new user.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Command } from 'commander';
import { findInstallation, PostgresServer } from '../test/faults/postgres-server.ts';
import { type CleanUp, runCleanly, say } from './clean-up.ts';
import { FailoverClients, type Interruption } from './failover-clients.ts';
import { parse, wholeNumber } from './options.ts';
import { launch } from './processes.ts';
import { coupon, sendAll } from './set-up.ts';
import { median, shown } from './statistics.ts';
import { missingBuild, nodeFlags } from './targets.ts';

type Options = { kills: number; switchovers: number; connections: number; folder?: string };

type Pair = { primary: PostgresServer; standby: PostgresServer };

const options = parse<Options>(
  new Command('npm run bench:failover --')
    .description(
      'Kills the primary of a synchronous pair and promotes its standby, and switches over in order. ' +
        'Exit code 1: a claim was lost or refused wrongly.',
    )
    .option('--kills <count>', 'kills of the primary', wholeNumber, 10)
    .option('--switchovers <count>', 'planned switchovers', wholeNumber, 5)
    .option('--connections <count>', 'connections of clients', wholeNumber, 16)
    .option('--folder <path>', 'parent of the temporary data folder'),
  process.argv.slice(2),
);

const couponName = 'FAILOVER';
const units = 1_000_000_000;
const calmMs = 2_000;
const recoveredMs = 1_500;
const pollMs = 5;
// Between the end of the primary and the promotion: what a cluster manager needs to decide.
const decidingMs = [500, 1_000, 1_500, 2_000, 2_500];

process.exitCode = await runCleanly(main);

async function main(cleanUp: CleanUp): Promise<number> {
  const missing = missingBuild();
  if (missing !== undefined) {
    say(missing);
    return 1;
  }
  const pair = await startPair(cleanUp);
  const service = await launch(
    {
      args: [...nodeFlags(), join(import.meta.dirname, '../dist/main.js'), 'serve'],
      env: { PORT: '0', LOG_LEVEL: 'error', DATABASE_URL: urlOf(pair) },
      ready: /serves on (http:\S+)/,
    },
    cleanUp,
  );
  await sendAll(service.readyValue, [coupon(couponName, units)]);
  const clients = new FailoverClients(service.readyValue, couponName, options.connections);
  cleanUp.add(() => clients.stop());
  const kills = await repeat(options.kills, pair, clients, async (index) => {
    await pair.primary.stop('immediate');
    await wait(decidingMs[index % decidingMs.length] ?? 0);
    return promote(pair);
  });
  const switchovers = await repeat(options.switchovers, pair, clients, async () => {
    await pair.primary.stop('fast');
    return promote(pair);
  });
  await clients.stop();
  const lost = await lostClaims(pair.primary, clients.claimIds);
  report('kill', kills);
  report('switchover', switchovers);
  const { answers } = clients;
  say(`answers: ${[...answers].map(([answer, count]) => `${count} ${answer}`).join(', ')}`);
  say(`${clients.claimIds.size} acknowledged claims, ${lost} of them lost`);
  say(`${clients.wrongAnswers} answers that no failover explains`);
  return lost + clients.wrongAnswers === 0 ? 0 : 1;
}

/** From the moment in which the new primary accepts writes; and between two acknowledged claims. */
type Measured = Interruption & { firstClaimMs: number };

async function repeat(
  count: number,
  pair: Pair,
  clients: FailoverClients,
  failOver: (index: number) => Promise<number>,
): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (let index = 0; index < count; index += 1) {
    await clients.untilServed();
    await wait(calmMs);
    const beganMs = performance.now();
    const acceptedMs = await failOver(index);
    await clients.untilServed();
    await wait(recoveredMs);
    const interruption = clients.interruptionSince(beganMs);
    measured.push({ ...interruption, firstClaimMs: interruption.resumedMs - acceptedMs });
    await rebuild(pair);
  }
  return measured;
}

function report(name: string, all: readonly Measured[]): void {
  if (all.length === 0) return;
  const list = (values: number[]) => values.map((ms) => Math.round(ms)).join(', ');
  const firsts = all.map(({ firstClaimMs }) => firstClaimMs);
  const downs = all.map(({ downMs }) => downMs);
  say(
    `${name}: from the first write that is accepted to the first claim ${shown(median(firsts))} ms ` +
      `(${list(firsts)}); between two claims ${shown(median(downs))} ms (${list(downs)})`,
  );
}

/** Promotes the standby. Resolves with the moment in which it accepts writes. */
async function promote({ standby }: Pair): Promise<number> {
  const promoting = standby.promote();
  let acceptedMs: number | undefined;
  while (acceptedMs === undefined) {
    const [row] = await standby
      .query<{ is_standby: boolean }>('select pg_is_in_recovery() as is_standby')
      .catch(() => []);
    if (row?.is_standby === false) acceptedMs = performance.now();
    else await wait(pollMs);
  }
  await promoting;
  return acceptedMs;
}

async function startPair(cleanUp: CleanUp): Promise<Pair> {
  const folder = mkdtempSync(join(options.folder ?? tmpdir(), 'firstcome-failover-'));
  cleanUp.add(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const primary = await PostgresServer.create(await findInstallation(folder), join(folder, 'one'));
  cleanUp.add(() => primary.remove());
  const standby = await primary.createStandby(join(folder, 'two'), 'two');
  cleanUp.add(() => standby.remove());
  const pair = { primary, standby };
  await synchronize(pair);
  return pair;
}

/** Makes the old primary the standby of the promoted server. Clients go on, and wait while the new primary is copied. */
async function rebuild(pair: Pair): Promise<void> {
  const { primary: old, standby: promoted } = pair;
  if (await old.isRunning()) await old.stop('immediate');
  await promoted.copyTo(old);
  await old.follow(promoted);
  await old.start();
  Object.assign(pair, { primary: promoted, standby: old });
  await synchronize(pair);
}

/** Lets each commit of the primary wait for its standby. A server that is promoted waits for none. */
async function synchronize({ primary, standby }: Pair): Promise<void> {
  const setNames = async (server: PostgresServer, names: string) => {
    await server.query(`alter system set synchronous_standby_names = '${names}'`);
    await server.query('select pg_reload_conf()');
  };
  await setNames(standby, '');
  await setNames(primary, '*');
  for (;;) {
    const sync = `select from pg_stat_replication where sync_state = 'sync'`;
    if ((await primary.query(sync)).length > 0) return;
    await wait(pollMs);
  }
}

function urlOf({ primary, standby }: Pair): string {
  const url = new URL(primary.url());
  return `postgres://postgres@${url.host},${new URL(standby.url()).host}/postgres`;
}

/** Acknowledged claims that the last primary does not have. */
async function lostClaims(primary: PostgresServer, ids: ReadonlySet<string>): Promise<number> {
  const rows = await primary.query<{ id: string }>('select claim_id::text as id from claims');
  const stored = new Set(rows.map(({ id }) => id));
  return [...ids].filter((id) => !stored.has(id)).length;
}
