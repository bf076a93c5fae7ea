// SPDX-License-Identifier: GPL-3.0-or-later
/** The shipped HAProxy configuration in front of three servers under Patroni. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { chooseFreePort } from '../../src/adapters/bundled-postgres/start-server.ts';
import { waitFor } from './wait-for.ts';

const configuration = join(import.meta.dirname, '../../deploy/haproxy/postgres.cfg');

/** Starts it on a free port of this machine, and resolves when it accepts connections. */
export async function startDatabaseBalancer(
  haproxy: string,
  members: readonly { port: number; restPort: number }[],
): Promise<{ port: number; stop(): Promise<void> }> {
  const port = await chooseFreePort();
  const servers = members.flatMap((member, index) => [
    [`DB_${index + 1}`, `127.0.0.1:${member.port}`],
    [`DB_${index + 1}_REST_PORT`, String(member.restPort)],
  ]);
  const child = spawn(haproxy, ['-db', '-f', configuration], {
    env: { DATABASE_BIND: `127.0.0.1:${port}`, ...Object.fromEntries(servers) },
    stdio: 'ignore',
  });
  const exited = once(child, 'close');
  await waitFor('balancer', async () => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.destroy();
    return true;
  });
  return {
    port,
    async stop() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
