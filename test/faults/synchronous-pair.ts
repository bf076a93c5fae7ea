// SPDX-License-Identifier: GPL-3.0-or-later
/** A primary whose every commit waits for its standby. */
import { join } from 'node:path';
import { waitFor } from '../support/wait-for.ts';
import type { Workshop } from './fault-row.ts';
import type { PostgresServer } from './postgres-server.ts';

const standbyName = 'standby';

const standbys = new WeakMap<PostgresServer, PostgresServer>();

/** Creates both, and returns the primary once its commits wait. */
export async function createSynchronousPair(workshop: Workshop): Promise<PostgresServer> {
  const primary = await workshop.createServer('primary');
  const standby = await primary.createStandby(join(workshop.folder, standbyName), standbyName);
  workshop.onEnd(() => standby.remove());
  await primary.query(`alter system set synchronous_standby_names = '${standbyName}'`);
  await primary.query('select pg_reload_conf()');
  await waitFor('a synchronous standby', async () => {
    const sync = `select from pg_stat_replication where sync_state = 'sync'`;
    return (await primary.query(sync)).length > 0;
  });
  standbys.set(primary, standby);
  return primary;
}

/** The standby of such a primary. */
export function standbyOf(primary: PostgresServer): PostgresServer {
  const standby = standbys.get(primary);
  if (standby === undefined) throw new Error('the server has no standby');
  return standby;
}
