// SPDX-License-Identifier: GPL-3.0-or-later
/** The Redis that the nodes of a run share, and what shows that they use it. */
import { startSentinelCluster } from '../support/redis-sentinels.ts';
import { hasRedis, type RedisServer, startRedis } from '../support/redis-server.ts';
import { waitFor } from '../support/wait-for.ts';

/** One server; or a primary with a replica, behind Sentinels. */
export type RedisLayout = 'server' | 'sentinels';

/** The Redis of a run. */
export type SharedRedis = {
  /** The `REDIS_URL` of the nodes. */
  url: string;
  /** With Sentinels, the primary of the start. */
  server: RedisServer;
  /** Undefined without Sentinels. */
  replica?: RedisServer | undefined;
  /** Resolves when the Sentinels name another primary than that of the start. Rejects without Sentinels. */
  untilPromoted(): Promise<void>;
};

type OnEnd = (undo: () => Promise<void>) => void;

/** Starts the Redis of a run; undefined where this machine has none. `onEnd` registers what ends it. */
export async function startSharedRedis(
  layout: RedisLayout,
  onEnd: OnEnd,
): Promise<SharedRedis | undefined> {
  if (!(await hasRedis())) return undefined;
  return layout === 'sentinels' ? startCluster(onEnd) : startOne(onEnd);
}

async function startOne(onEnd: OnEnd): Promise<SharedRedis> {
  const server = await startRedis();
  onEnd(() => server.remove());
  const untilPromoted = () => Promise.reject(new Error('this Redis has no Sentinels'));
  return { url: server.url, server, untilPromoted };
}

async function startCluster(onEnd: OnEnd): Promise<SharedRedis> {
  const cluster = await startSentinelCluster();
  onEnd(() => cluster.remove());
  const { url, primary, replica } = cluster;
  const untilPromoted = async () => {
    await waitFor('promotion', async () => (await cluster.masterPort()) !== primary.port);
  };
  return { url, server: primary, replica, untilPromoted };
}

/** How often a server was asked to write or to publish since its start. */
export async function writesTo(server: RedisServer): Promise<number> {
  const text = String(await server.command('INFO', 'commandstats'));
  const calls = text.matchAll(/^cmdstat_(?:set|evalsha|eval|publish):calls=(\d+)/gm);
  return [...calls].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Resolves when nodes write to a server, after so many writes before. */
export async function untilWritten(server: RedisServer, before = 0): Promise<void> {
  await waitFor('write of a node to Redis', async () => (await writesTo(server)) > before);
}

/** How often a server has refused a command with this error, such as `OOM`. */
export async function refusalsBy(server: RedisServer, error: string): Promise<number> {
  return refusalsIn(String(await server.command('INFO', 'errorstats')), error);
}

/** The same, as the server's own answer to `INFO errorstats` shows it. */
export function refusalsIn(errorstats: string, error: string): number {
  return Number(new RegExp(`errorstat_${error}:count=(\\d+)`).exec(errorstats)?.[1] ?? 0);
}

/** The mutexes in a server that last longer than this from now on, or have no end. */
export async function mutexesBeyond(server: RedisServer, ms: number): Promise<string[]> {
  const found: string[] = [];
  for (const key of (await server.command('KEYS', 'mutex:*')) as string[]) {
    // -1 without an end, -2 if it has ended meanwhile.
    const leftMs = Number(await server.command('PTTL', key));
    if (leftMs === -1 || leftMs > ms) found.push(key);
  }
  return found;
}
