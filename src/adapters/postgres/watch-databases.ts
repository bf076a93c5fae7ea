// SPDX-License-Identifier: GPL-3.0-or-later
import type { Database } from './database.ts';
import type { Outage } from './outage.ts';

/**
 * Makes what one connection reveals about the server count for all pools: a server that is no primary, and a
 * connection that is silent, end the idle connections of each. So the next statement gets a new one, which is verified.
 */
export function watchDatabases(
  databases: readonly Database[],
  options: {
    outage: Outage;
    /** Called when a server turned out to be no primary, so another one is or will be. */
    onNoPrimary(): void;
  },
): void {
  const { outage, onNoPrimary } = options;
  const dropIdle = () => {
    for (const database of databases) database.dropIdle();
  };
  for (const database of databases) {
    database.watch({
      answered: () => outage.answered(),
      failed: (fault) => outage.failed(fault),
      foundSilence: dropIdle,
      foundNoPrimary() {
        dropIdle();
        onNoPrimary();
      },
    });
  }
}
