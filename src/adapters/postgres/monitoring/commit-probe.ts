// SPDX-License-Identifier: GPL-3.0-or-later
import { randomInt } from 'node:crypto';
import type { Database } from '../database.ts';
import { statement } from '../statements.ts';

const probeCommit = statement('probe-commit');

// Later its connection is given up, since another one may lead to a server that commits.
const probeMsMax = 2_000;

/**
 * Commits something small on a connection of the database. Resolves to whether it has committed, and rejects with a
 * `DatabaseFault` when it could not be sent or got no answer. A server does not notice that the client of a hanging commit
 * has gone. So a probe leaves at most one session behind: as long as that one hangs, the next ones do not commit.
 */
export function commitProbe(database: Database): () => Promise<boolean> {
  // Of this process, and of each engine in it.
  const key = randomInt(2 ** 31);
  return async () => {
    const [row] = await database.probe<{ is_committed: boolean }>(probeCommit, [key], probeMsMax);
    return row?.is_committed === true;
  };
}
