// SPDX-License-Identifier: GPL-3.0-or-later
import type { PostgresServer } from '../faults/postgres-server.ts';
import { serverPids, signalIfExists } from './server-processes.ts';

/** Suspends all processes of a server, so that it answers nothing and its connections stay open, until they are resumed. */
export async function suspendServer(server: PostgresServer): Promise<{ resume(): void }> {
  const postmaster = await server.postmaster();
  // First the process that would start others.
  signalIfExists(postmaster, 'SIGSTOP');
  // The title of a child has no folder, but its working folder is that of the data.
  const pids = new Set([postmaster, ...serverPids(server.data)]);
  for (const pid of pids) signalIfExists(pid, 'SIGSTOP');
  return {
    resume() {
      for (const pid of [...pids].reverse()) signalIfExists(pid, 'SIGCONT');
    },
  };
}
