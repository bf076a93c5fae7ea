// SPDX-License-Identifier: GPL-3.0-or-later
import { availableParallelism, tmpdir } from 'node:os';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { memoryFolder } from './test/support/memory-folder.ts';
import { isRabbitMqOnPath } from './test/support/rabbitmq-program.ts';
import { isRedisOnPath } from './test/support/redis-program.ts';
import { systemPostgresBinDir } from './test/support/system-postgres.ts';
import { sqlTests, versionTests } from './test/support/version-tests.ts';

const cores = availableParallelism();

// Tests put their databases into the temporary folder.
const diskFolder = tmpdir();
process.env.TMPDIR ??= memoryFolder() ?? diskFolder;

// Limits that only end a test that hangs. On a busy machine a second of work may take a minute.
const patient = {
  ...{ testTimeout: 300_000, hookTimeout: 300_000 },
  expect: { poll: { timeout: 60_000 } },
};

// Saves a process, and loading all modules, for each file. A file must leave no global state behind.
const shared = { pool: 'threads', isolate: false } as const;

// Most of these tests wait: for a database, a process or a limit of time.
const waiting = { maxWorkers: cores + 1, sequence: { groupOrder: 1 } };

type TestOptions = NonNullable<TestProjectInlineConfiguration['test']>;

/** Tests that need a database. Each file has its own database, and each project its own server. */
const onPostgres = (
  name: string,
  include: string[],
  {
    globalSetup = [],
    ...options
  }: Pick<TestOptions, 'exclude' | 'env' | 'sequence' | 'testTimeout'> & {
    globalSetup?: string[];
  } = {},
) => ({
  test: {
    ...{ ...shared, ...waiting, name, include },
    // Limits that only end a test that hangs.
    ...{ testTimeout: 300_000, hookTimeout: 300_000 },
    globalSetup: ['test/support/bundled-postgres.ts', ...globalSetup],
    // Repeats only what `missed` throws.
    retry: { count: 5, condition: /^the moment was missed: / },
    ...options,
  },
});

const databaseTests = ['test/{contract,integration,race,simulation}/**/*.test.ts'];

// Slow and seldom affected by a change. `scripts/long-suites.ts` says by which.
const longDatabaseTests = [
  'test/integration/commit-unknown-errors.test.ts',
  'test/integration/failover.test.ts',
  'test/integration/several-servers.test.ts',
  'test/integration/lost-history.test.ts',
  'test/integration/lost-history-after-restore.test.ts',
  'test/integration/*plans.test.ts',
  'test/integration/{rabbitmq,redis,sagas}-loading.test.ts',
  'test/integration/redis-connection.test.ts',
  'test/integration/sagas-of-processes.test.ts',
  'test/integration/schema.test.ts',
];
// They start servers of their own, or kill processes.
const longRabbitMqTests = [
  'test/rabbitmq/{access,killed-redrive,locked-coupon,outages,start}.test.ts',
];
const longE2eTests = [
  'test/e2e/backup.test.ts',
  'test/e2e/balancer*.test.ts',
  'test/e2e/bench-commands.test.ts',
  'test/e2e/bundled-postgres*.test.ts',
  'test/e2e/client-examples.test.ts',
  'test/e2e/container-image.test.ts',
  'test/e2e/copy.test.ts',
  'test/e2e/database-balancer.test.ts',
  'test/e2e/demo-saga.test.ts',
  'test/e2e/one-installation.test.ts',
  'test/e2e/package-installed.test.ts',
  'test/e2e/reload.test.ts',
  'test/e2e/stock-events.test.ts',
  'test/e2e/traces.test.ts',
  'test/e2e/workers.test.ts',
];

// The same tests with more cases in `npm run test:long`.
const longEnv = { TEST_LONG: '1', KILL_ROUNDS: '5', SIMULATION_RUNS: '300' };
const long = { env: longEnv, testTimeout: 600_000, sequence: { groupOrder: 4 } };

const onSystemPostgres: TestProjectInlineConfiguration[] =
  systemPostgresBinDir() === undefined
    ? []
    : [
        onPostgres('system-postgres', versionTests),
        onPostgres(
          'long-system-postgres',
          [...sqlTests, 'test/race/all-moves.test.ts', 'test/simulation/**/*.test.ts'],
          { ...long, env: {} },
        ),
        // No change selects these: a database of another version seldom breaks what the others do not find.
        onPostgres('nightly-system-postgres', databaseTests, long),
      ];

// The contract is the same with Redis and without.
const contractWithRedis: TestProjectInlineConfiguration[] = isRedisOnPath()
  ? [
      onPostgres('long-redis', ['test/contract/**/*.test.ts'], {
        ...{ ...long, env: {} },
        globalSetup: ['test/support/contract-redis.ts'],
      }),
    ]
  : [];

// So it is in both modes of claims.
const contractWithQueue: TestProjectInlineConfiguration[] = isRabbitMqOnPath()
  ? [
      onPostgres('long-queue', ['test/contract/**/*.test.ts'], {
        ...{ ...long, env: {} },
        globalSetup: ['test/support/contract-queue.ts'],
      }),
    ]
  : [];

export default defineConfig({
  test: {
    reporters: ['default', './test/support/summary-reporter.ts'],
    projects: [
      {
        test: {
          ...{ ...patient, ...shared },
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/tidy.test.ts'],
          maxWorkers: cores,
        },
      },
      {
        test: {
          ...{ ...patient, ...shared, ...waiting },
          name: 'repository',
          include: ['test/*.test.ts', 'test/{deploy,proof}/*.test.ts'],
          exclude: ['test/tidy.test.ts'],
        },
      },
      onPostgres('postgres', databaseTests, { exclude: longDatabaseTests }),
      ...onSystemPostgres,
      ...contractWithRedis,
      ...contractWithQueue,
      onPostgres('rabbitmq', ['test/rabbitmq/**/*.test.ts'], {
        exclude: longRabbitMqTests,
        globalSetup: ['test/support/rabbitmq-setup.ts'],
      }),
      onPostgres('long-rabbitmq', longRabbitMqTests, {
        ...long,
        globalSetup: ['test/support/rabbitmq-setup.ts'],
      }),
      {
        test: {
          ...{ ...patient, ...waiting },
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          exclude: longE2eTests,
          env: { KILL_ROUNDS: '1' },
        },
      },
      // After the others: a page that waits for a processor looks like one that does not react.
      onPostgres('browser', ['test/browser/**/*.test.ts'], {
        globalSetup: ['test/support/console-setup.ts'],
        sequence: { groupOrder: 2 },
      }),
      {
        test: {
          ...faults('faults', { FAULT_RUNS: 'always' }),
          sequence: { groupOrder: 3 },
        },
      },
      onPostgres(
        'long-postgres',
        [...longDatabaseTests, 'test/race/all-moves.test.ts', 'test/simulation/**/*.test.ts'],
        long,
      ),
      {
        test: {
          ...{ ...patient, ...waiting, ...long },
          name: 'long-e2e',
          include: [...longE2eTests, 'test/e2e/kill-nine.test.ts'],
        },
      },
      {
        test: {
          name: 'long-patroni',
          include: ['test/patroni/**/*.test.ts'],
          // Patroni replaces a primary that is gone after 20 seconds, and some more.
          ...{ testTimeout: 600_000, hookTimeout: 600_000, fileParallelism: false },
          retry: { count: 2, condition: /^the moment was missed: / },
          sequence: { groupOrder: 8 },
        },
      },
      {
        test: {
          ...faults('long-faults', { FAULT_RUNS: 'affected' }),
          sequence: { groupOrder: 5 },
        },
      },
      {
        test: {
          ...faults('nightly-faults', { FAULT_RUNS: 'nightly' }),
          include: ['test/faults/faults.test.ts'],
          sequence: { groupOrder: 6 },
        },
      },
      {
        test: {
          name: 'observability',
          include: ['test/observability/**/*.test.ts'],
          testTimeout: 300_000,
          globalSetup: ['test/observability/programs-ready.ts'],
          sequence: { groupOrder: 7 },
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
          sequence: { groupOrder: 8 },
        },
      },
    ],
  },
});

/** Runs alone, and on a disk: a service that waits for a processor looks like one that does not recover. */
function faults(name: string, env: Record<string, string>) {
  return {
    name,
    env: { ...env, TMPDIR: diskFolder },
    include: ['test/faults/**/*.test.ts'],
    testTimeout: 180_000,
    fileParallelism: false,
  };
}
