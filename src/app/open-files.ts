// SPDX-License-Identifier: GPL-3.0-or-later
import { openFilesMax } from '../adapters/system/open-files.ts';
import type { Config } from '../config.ts';
import { acceptedBeyond } from '../entrypoints/http/connections/connections.ts';

// The program, the log, pipes, and channels to other processes.
const otherFiles = 64;

/** A warning when the process may open fewer files than its settings need; otherwise undefined. */
export function fewFilesWarning(
  { http, database, streams }: Pick<Config, 'http' | 'database' | 'streams'>,
  available = openFilesMax(),
): string | undefined {
  const { connectionsMax } = http;
  const needed =
    connectionsMax +
    acceptedBeyond(connectionsMax) +
    streams.openMax +
    database.claimConnections +
    database.queryConnections +
    otherFiles;
  if (available === undefined || available >= needed) return undefined;
  return `connections and streams need ${needed} files; the limit is ${available}: raise ulimit -n`;
}
