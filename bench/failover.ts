// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * `npm run bench:failover`: how long a failover takes for clients when DATABASE_URL names both servers of a synchronous pair, and
 * what it does to their claims. One service, and clients that claim all the time, each for a new user.
 */
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Command, Option } from 'commander';
import type { PostgresServer } from '../test/faults/postgres-server.ts';
import { type CleanUp, runCleanly, say } from './clean-up.ts';
import { FailoverClients, type Interruption } from './failover-clients.ts';
import { parse, wholeNumber } from './options.ts';
import { launch } from './processes.ts';
import { coupon, sendAll } from './set-up.ts';
import { reportStalls, type Stall, stall } from './stalls.ts';
import { median, shown } from './statistics.ts';
import { type Pair, promote, rebuild, startPair, urlOf } from './synchronous-pair.ts';
import { missingBuild, nodeFlags } from './targets.ts';

type Part = 'kills' | 'switchovers' | 'stalls';

type Options = Record<Part, number> & { only?: Part; connections: number; folder?: string };

const options = parse<Options>(
  new Command('npm run bench:failover --')
    .description(
      'Kills the primary of a synchronous pair and promotes its standby, switches over in order, and freezes the standby. ' +
        'Exit code 1: a claim was lost or refused wrongly.',
    )
    .option('--kills <count>', 'kills of the primary', wholeNumber, 10)
    .option('--switchovers <count>', 'planned switchovers', wholeNumber, 5)
    .option('--stalls <count>', 'freezes of the standby', wholeNumber, 5)
    .addOption(
      new Option('--only <part>', 'measure one part').choices(['kills', 'switchovers', 'stalls']),
    )
    .option('--connections <count>', 'connections of clients', wholeNumber, 16)
    .option('--folder <path>', 'parent of the temporary data folder'),
  process.argv.slice(2),
);

const couponName = 'FAILOVER';
const units = 1_000_000_000;
const calmMs = 2_000;
const recoveredMs = 1_500;
// Between the end of the primary and the promotion: what a cluster manager needs to decide.
const decidingMs = [500, 1_000, 1_500, 2_000, 2_500];

process.exitCode = await runCleanly(main);

async function main(cleanUp: CleanUp): Promise<number> {
  const missing = missingBuild();
  if (missing !== undefined) {
    say(missing);
    return 1;
  }
  const pair = await startPair(options.folder, cleanUp);
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
  const kills = await repeat(countOf('kills'), pair, clients, async (index) => {
    await pair.primary.stop('immediate');
    await wait(decidingMs[index % decidingMs.length] ?? 0);
    return promote(pair);
  });
  const switchovers = await repeat(countOf('switchovers'), pair, clients, async () => {
    await pair.primary.stop('fast');
    return promote(pair);
  });
  const stalls: Stall[] = [];
  while (stalls.length < countOf('stalls')) {
    await clients.untilServed();
    await wait(calmMs);
    stalls.push(await stall(pair.standby, clients, service.readyValue));
  }
  await clients.stop();
  const lost = await lostClaims(pair.primary, clients.claimIds);
  report('kill', kills);
  report('switchover', switchovers);
  reportStalls(stalls);
  const { answers } = clients;
  say(`answers: ${[...answers].map(([answer, count]) => `${count} ${answer}`).join(', ')}`);
  say(`${clients.claimIds.size} acknowledged claims, ${lost} of them lost`);
  say(`${clients.wrongAnswers} answers that no failover explains`);
  return lost + clients.wrongAnswers === 0 ? 0 : 1;
}

function countOf(part: Part): number {
  return options.only === undefined || options.only === part ? options[part] : 0;
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

/** Acknowledged claims that the last primary does not have. */
async function lostClaims(primary: PostgresServer, ids: ReadonlySet<string>): Promise<number> {
  const rows = await primary.query<{ id: string }>('select claim_id::text as id from claims');
  const stored = new Set(rows.map(({ id }) => id));
  return [...ids].filter((id) => !stored.has(id)).length;
}
