// SPDX-License-Identifier: GPL-3.0-or-later
import { openFilesMax } from '../adapters/system/open-files.ts';
import type { Config } from '../config.ts';
import { acceptedBeyond } from '../entrypoints/http/connections/connections.ts';

// For what else a process has open: its program, the log, pipes, and channels to other processes.
const others = 64;

/** A warning where a process cannot have as many connections open as its settings allow; undefined where it can. */
export function fewFilesWarning(
  { http, database }: Pick<Config, 'http' | 'database'>,
  available = openFilesMax(),
): string | undefined {
  const { connectionsMax } = http;
  const needed =
    connectionsMax +
    acceptedBeyond(connectionsMax) +
    database.claimConnections +
    database.queryConnections +
    others;
  if (available === undefined || available >= needed) return undefined;
  return `HTTP_CONNECTIONS_MAX needs ${needed} open files, but ${available} may be: raise ulimit -n`;
}
