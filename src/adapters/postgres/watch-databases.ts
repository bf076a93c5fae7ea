// SPDX-License-Identifier: GPL-3.0-or-later
import type { Database } from './database.ts';
import type { DatabaseRefusals } from './database-refusals.ts';
import type { InstallationWatch } from './installation-watch.ts';
import type { OutageLog } from './outage-log.ts';

/**
 * Applies what one connection reveals about the server to all pools. A server that is no primary, a database that is not
 * the one of the start, and a silent connection end the idle connections of each pool, so the next statement gets a new
 * connection, which is verified.
 */
export function watchDatabases(
  databases: readonly Database[],
  options: {
    outage: OutageLog;
    refusals: DatabaseRefusals;
    installation: InstallationWatch;
    /**
     * Called when a connection broke or is silent, which may be the first sign of a failover. Several connections may break
     * one after the other, so this must cost little.
     */
    onLostConnection(): void;
    /** Called when what was read before may be untrue: the server is no primary, or the database is another one. */
    onOtherServer(): void;
  },
): void {
  const { outage, refusals, installation, onLostConnection, onOtherServer } = options;
  const dropIdle = () => {
    for (const database of databases) database.dropIdle();
  };
  for (const database of databases) {
    database.watch({
      answered: () => outage.answered(),
      failed: (fault) => outage.failed(fault),
      refused: (statement, refusal) => refusals.refused(statement, refusal),
      lostConnection: onLostConnection,
      foundSilence: dropIdle,
      foundNoPrimary() {
        dropIdle();
        onOtherServer();
      },
    });
  }
  installation.onChange(() => {
    dropIdle();
    onOtherServer();
  });
}
