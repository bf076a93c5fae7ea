// SPDX-License-Identifier: GPL-3.0-or-later
import { once } from 'node:events';
import { createServer } from 'node:net';
import { ClusterError } from './cluster-error.ts';

/** Says that a port cannot be used, and what to do. */
export function portError(port: number, reason: string): ClusterError {
  return new ClusterError(`Port ${port} ${reason}. Choose another one with --port.`);
}

/** Rejects with a `ClusterError` if no server can listen on this port of 127.0.0.1. Accepts 0. */
export async function checkPort(port: number): Promise<void> {
  const probe = createServer().listen(port, '127.0.0.1');
  await once(probe, 'listening').catch(({ code }: NodeJS.ErrnoException) => {
    throw portError(port, code === 'EADDRINUSE' ? 'is in use' : `cannot be used (${code})`);
  });
  probe.close();
}
