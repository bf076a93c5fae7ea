// SPDX-License-Identifier: GPL-3.0-or-later
import type { Database } from '../database.ts';
import type { InstallationWatch } from '../installation/installation-watch.ts';
import type { OutageLog } from './outage-log.ts';
import type { RefusedStatementLog } from './refused-statement-log.ts';

/**
 * Applies what one connection shows about the server to all pools. When a server is no primary, the database is not the
 * one of the start, or an answer times out, all pools drop their idle connections, so that the next statement gets a
 * new, verified one.
 */
export function watchDatabases(
  databases: readonly Database[],
  options: {
    outage: OutageLog;
    refusals: RefusedStatementLog;
    installation: InstallationWatch;
    /** Called when earlier reads may be wrong: the server is no primary, or the database is another one. */
    onOtherServer(): void;
  },
): void {
  const { outage, refusals, installation, onOtherServer } = options;
  const dropIdle = () => {
    for (const database of databases) database.dropIdle();
  };
  for (const database of databases) {
    database.listen({
      answered: () => outage.answered(),
      failed: (fault) => outage.failed(fault),
      refused: (statement, refusal) => refusals.refused(statement, refusal),
      timedOut: dropIdle,
      notPrimary() {
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
