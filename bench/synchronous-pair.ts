// SPDX-License-Identifier: GPL-3.0-or-later
/** A primary and its synchronous standby, whose roles can change. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { findInstallation, PostgresServer } from '../test/faults/postgres-server.ts';
import type { CleanUp } from './clean-up.ts';

/** Two servers; a failover swaps them. */
export type Pair = { primary: PostgresServer; standby: PostgresServer };

const pollMs = 5;

/** Starts both in a folder that the clean-up removes. Each commit of the primary waits for the standby. */
export async function startPair(parent: string | undefined, cleanUp: CleanUp): Promise<Pair> {
  const folder = mkdtempSync(join(parent ?? tmpdir(), 'firstcome-pair-'));
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
export async function rebuild(pair: Pair): Promise<void> {
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

/** The URL that names both. */
export function urlOf({ primary, standby }: Pair): string {
  const url = new URL(primary.url());
  return `postgres://postgres@${url.host},${new URL(standby.url()).host}/postgres`;
}

/** Promotes the standby. Resolves with the moment in which it accepts writes. */
export async function promote({ standby }: Pair): Promise<number> {
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
