// SPDX-License-Identifier: GPL-3.0-or-later
/** The shipped HAProxy configuration in front of a cluster. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { chooseFreePort } from '../../src/adapters/bundled-postgres/start-server.ts';
import { findHaproxy } from '../support/haproxy.ts';
import { waitFor } from '../support/wait-for.ts';
import type { PatroniCluster } from './patroni-cluster.ts';

const configuration = join(import.meta.dirname, '../../deploy/haproxy/postgres.cfg');

/** Starts it, and resolves when it leads to the primary. */
export async function balance(
  cluster: PatroniCluster,
): Promise<{ address: string; stop(): Promise<void> }> {
  const haproxy = findHaproxy();
  if (haproxy === undefined) throw new Error('there is no haproxy');
  const port = await chooseFreePort();
  const address = `127.0.0.1:${port}`;
  const servers = cluster.members.flatMap((member, index) => [
    [`DB_${index + 1}`, `127.0.0.1:${member.port}`],
    [`DB_${index + 1}_REST_PORT`, String(member.restPort)],
  ]);
  const child = spawn(haproxy, ['-db', '-f', configuration], {
    env: { PATH: process.env.PATH ?? '', DATABASE_BIND: address, ...Object.fromEntries(servers) },
    stdio: 'ignore',
  });
  const exited = once(child, 'close');
  await waitFor('HAProxy', async () => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.destroy();
    return true;
  });
  return {
    address,
    async stop() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
