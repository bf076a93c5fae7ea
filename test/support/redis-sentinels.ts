// SPDX-License-Identifier: GPL-3.0-or-later
/** A primary and a replica of Redis with three Sentinels, for tests of a failover. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RedisProcess } from './redis-process.ts';
import {
  onFreePort,
  type RedisServer,
  type RedisServerOptions,
  startRedis,
} from './redis-server.ts';
import { waitFor } from './wait-for.ts';

/** The processes of a cluster. */
export type SentinelCluster = {
  /** `redis+sentinel://` with the Sentinels and the name of the master, without user and password. */
  url: string;
  primary: RedisServer;
  replica: RedisServer;
  sentinels: readonly Sentinel[];
  /** The port of the server that the Sentinels name as the master. */
  masterPort(): Promise<number>;
  /** Kills all of it, and removes its files. */
  remove(): Promise<void>;
};

/** A Sentinel on one port. */
export type Sentinel = Pick<RedisProcess, 'command' | 'remove'> & { port: number };

/** The name of the master in each Sentinel. */
export const masterName = 'firstcome';

/** Starts a cluster that counts a server as down after half a second. With a password, servers and Sentinels require it. */
export async function startSentinelCluster(password?: string): Promise<SentinelCluster> {
  const settings: Record<string, string> =
    password === undefined ? {} : { requirepass: password, masterauth: password };
  const primary = await startRedis({ settings });
  const replica = await startRedis({ settings });
  await replica.follow(primary);
  const sentinels = await Promise.all([1, 2, 3].map(() => startSentinel(primary, { password })));
  await Promise.all(sentinels.map(untilItKnowsAll));
  return {
    url: `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${masterName}`,
    ...{ primary, replica, sentinels },
    async masterPort() {
      const [sentinel] = sentinels;
      const address = await sentinel?.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName);
      return Number((address as string[])[1]);
    },
    async remove() {
      await Promise.all([...sentinels, primary, replica].map((one) => one.remove()));
    },
  };
}

/** How a Sentinel reaches its server, and is reached. */
export type SentinelOptions = {
  /** The password of the server. */
  password?: string | undefined;
  /** Whether the Sentinel requires no password of its own clients; by default it requires that of the server, if any. */
  isOpen?: boolean;
  /** Server and Sentinel are reached with TLS, with these files. */
  tls?: NonNullable<RedisServerOptions['tls']>;
};

/** Starts a Sentinel of a server. */
export function startSentinel(
  primary: RedisServer,
  { password, isOpen = password === undefined, tls }: SentinelOptions,
): Promise<Sentinel> {
  return onFreePort('sentinel', async ({ port, ...place }) => {
    const file = join(place.folder, 'sentinel.conf');
    const lines = [
      ...['bind 127.0.0.1', `dir ${place.folder}`],
      ...(tls === undefined
        ? [`port ${port}`]
        : [
            ...['port 0', `tls-port ${port}`, 'tls-auth-clients no', 'tls-replication yes'],
            ...[`tls-cert-file ${tls.certFile}`, `tls-key-file ${tls.keyFile}`],
            `tls-ca-cert-file ${tls.caFile}`,
          ]),
      `sentinel monitor ${masterName} 127.0.0.1 ${primary.port} 2`,
      `sentinel down-after-milliseconds ${masterName} 500`,
      `sentinel failover-timeout ${masterName} 3000`,
      ...(password === undefined ? [] : [`sentinel auth-pass ${masterName} ${password}`]),
      ...(isOpen ? [] : [`requirepass ${password}`]),
    ];
    await writeFile(file, `${lines.join('\n')}\n`);
    const process = new RedisProcess({
      ...place,
      args: [file, '--sentinel'],
      client: {
        port,
        ...(!isOpen && password !== undefined && { password }),
        ...(tls !== undefined && { tls: { rejectUnauthorized: false } }),
      },
    });
    await process.start();
    return Object.assign(process, { port });
  });
}

/** A failover needs Sentinels that have found each other and the replica. */
async function untilItKnowsAll(sentinel: Sentinel): Promise<void> {
  await waitFor('the Sentinels and the replica', async () => {
    const fields = (await sentinel.command('SENTINEL', 'MASTER', masterName)) as string[];
    const numberOf = (name: string) => Number(fields[fields.indexOf(name) + 1]);
    return numberOf('num-other-sentinels') === 2 && numberOf('num-slaves') === 1;
  });
}
