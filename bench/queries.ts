// SPDX-License-Identifier: GPL-3.0-or-later
import type { BenchDatabase } from './database-server.ts';

// A backend reports its transactions at most once a second, and the last ones when it has been idle for ten. So after many
// short transactions up to those of a second are missing.
const statisticsMs = 1_200;

/** The queries that a database got in some seconds. */
export type Queries = { count: number; seconds: number };

/** Counts the transactions of a database, of which each query of the service is one, in this time and a little around it. */
export async function queriesDuring(
  database: BenchDatabase | undefined,
  run: () => Promise<void>,
): Promise<Queries> {
  const count = async () => {
    await new Promise((resolve) => setTimeout(resolve, statisticsMs));
    return (await database?.transactions()) ?? 0;
  };
  const before = await count();
  const startMs = performance.now();
  await run();
  const after = await count();
  return { count: after - before, seconds: (performance.now() - startMs) / 1000 };
}
