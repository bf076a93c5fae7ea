// SPDX-License-Identifier: GPL-3.0-or-later
import type { Database } from '../database.ts';
import type { InstallationWatch } from '../installation/installation-watch.ts';
import type { OutageLog } from './outage-log.ts';
import type { DatabaseRefusals } from './refused-statement-log.ts';

/**
 * Makes what one connection reveals about the server count for all pools: a server that is no primary, a database that
 * is not the one of the start, and a connection that is silent, end the idle connections of each. So the next statement
 * gets a new one, which is verified.
 */
export function watchDatabases(
  databases: readonly Database[],
  options: {
    outage: OutageLog;
    refusals: DatabaseRefusals;
    installation: InstallationWatch;
    /** Called when what was read before may be untrue: the server is no primary, or the database is another one. */
    onOtherServer(): void;
  },
): void {
  const { outage, refusals, installation, onOtherServer } = options;
  const dropIdle = () => {
    for (const database of databases) database.dropIdle();
  };
  for (const database of databases) {
    database.watch({
      answered: () => outage.answered(),
      failed: (fault) => outage.failed(fault),
      refused: (statement, refusal) => refusals.refused(statement, refusal),
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
