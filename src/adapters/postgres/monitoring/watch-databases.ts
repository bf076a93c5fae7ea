// SPDX-License-Identifier: GPL-3.0-or-later
import type { HistoryGuard } from '../../../core/history/history-guard.ts';
import type { Database } from '../database.ts';
import { couldNotStore } from '../errors/pg-error.ts';
import type { InstallationWatch } from '../installation/installation-watch.ts';
import type { OutageLog } from './outage-log.ts';
import type { RefusedStatementLog } from './refused-statement-log.ts';

/**
 * Applies what one connection shows about the server to all pools. When a server is no primary or another one, the database
 * is not the one of the start or has lost acknowledged batches, or an answer times out, all pools drop their idle
 * connections, so that the next statement gets a new, verified one.
 */
export function watchDatabases(
  databases: readonly Database[],
  options: {
    outage: OutageLog;
    refusals: RefusedStatementLog;
    installation: InstallationWatch;
    history: HistoryGuard;
    /**
     * Called when a connection broke or timed out, which may be the first sign of a failover. Several connections may break
     * one after the other, so this must cost little.
     */
    onLostConnection(): void;
    /** Called when the server could not store a write, because its disk is full or broken. */
    onWriteFailed(): void;
    /** Called when earlier reads may be wrong: the server is no primary or another one, or the database is another one. */
    onOtherServer(): void;
  },
): void {
  const { outage, refusals, installation, history } = options;
  const { onLostConnection, onWriteFailed, onOtherServer } = options;
  const dropIdle = () => {
    for (const database of databases) database.dropIdle();
  };
  for (const database of databases) {
    database.listen({
      answered: () => outage.answered(),
      failed(fault) {
        outage.failed(fault);
        if (couldNotStore(fault)) onWriteFailed();
      },
      refused: (statement, refusal) => refusals.refused(statement, refusal),
      lostConnection: onLostConnection,
      timedOut: dropIdle,
      notPrimary() {
        dropIdle();
        onOtherServer();
      },
    });
  }
  const onOtherDatabase = () => {
    dropIdle();
    onOtherServer();
  };
  installation.onChange(onOtherDatabase);
  history.onChange(onOtherDatabase);
}
