// SPDX-License-Identifier: GPL-3.0-or-later
import { defineConfig } from 'vitest/config';
import { systemPostgresBinDir } from './test/support/system-postgres.ts';

/** What needs a database runs on the bundled PostgreSQL, and once more on the system's where there is one. */
const onPostgres = (name: string) => ({
  test: {
    name,
    include: ['test/{contract,integration,race,simulation}/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    globalSetup: ['test/support/bundled-postgres.ts'],
    // Only what `missed` throws.
    retry: { count: 5, condition: /^the moment was missed: / },
  },
});

export default defineConfig({
  test: {
    reporters: ['default', './test/support/summary-reporter.ts'],
    // Tests share two cores with the databases they start; more files at once only makes each slower.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/*.test.ts', 'test/{deploy,proof}/*.test.ts'],
          // They end what hangs, and measure nothing: beside others a second of work may take twenty.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          expect: { poll: { timeout: 20_000 } },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          testTimeout: 180_000,
          fileParallelism: false,
          // After all others: what waits for a processor there would look like a service that does not come back.
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'observability',
          include: ['test/observability/**/*.test.ts'],
          testTimeout: 120_000,
          globalSetup: ['test/observability/programs-ready.ts'],
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'containers',
          include: ['test/containers/**/*.test.ts'],
          // Images are pulled and built.
          testTimeout: 900_000,
          hookTimeout: 120_000,
          globalSetup: ['test/containers/engine-ready.ts'],
          sequence: { groupOrder: 3 },
        },
      },
      onPostgres('postgres'),
      ...(systemPostgresBinDir() === undefined ? [] : [onPostgres('system-postgres')]),
    ],
  },
});
