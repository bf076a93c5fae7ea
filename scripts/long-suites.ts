// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Prints the long suites that a change affects, for `.ci/run`. Compares with the point where the branch left `main`, and
 * on `main` with the commit before. Prints nothing without a history: the nightly run has all suites.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { sqlTests } from '../test/support/version-tests.ts';

const sql = /^src\/adapters\/postgres\/(?:sql|migrations|installation)\//;

// The path of each suite, or how the paths of its files begin, with the paths that it depends on besides its own.
const suites: Record<string, RegExp> = {
  ...Object.fromEntries(sqlTests.map((path) => [path, sql])),
  'test/e2e/bundled-postgres': /^src\/adapters\/bundled-postgres\//,
  'test/e2e/backup.test.ts':
    /^src\/(?:adapters\/bundled-postgres\/|adapters\/postgres\/consistency|app\/(?:backup|command-database)\.ts$)/,
  'test/e2e/copy.test.ts':
    /^src\/(?:adapters\/bundled-postgres\/|adapters\/postgres\/(?:copy|migrations|consistency)|app\/(?:copy|command-database)\.ts$)/,
  'test/e2e/package-installed.test.ts':
    /^(?:package(?:-lock)?\.json$|scripts\/finish-build\.mjs$|tsconfig|README\.md$|docs\/(?:client|embedding)\.md$|examples\/embed\.mjs$|src\/(?:client|library|main)\.ts$|src\/(?:client|entrypoints\/library)\/)/,
  'test/e2e/kill-nine.test.ts': /^src\/adapters\/(?:bundled-postgres|postgres)\//,
  'test/e2e/balancer': /^(?:deploy\/haproxy\/|src\/entrypoints\/http\/(?!routes\/))/,
  'test/e2e/database-balancer.test.ts': /^deploy\/haproxy\//,
  'test/e2e/demo-saga.test.ts':
    /^(?:examples\/|src\/(?:core\/sagas\/|adapters\/(?:signed-calls|postgres\/sagas)\/|app\/sagas))/,
  'test/e2e/one-installation.test.ts':
    /^src\/(?:adapters\/(?:cluster|postgres\/(?:connections|installation))\/|app\/library-|library\.ts$)/,
  'test/e2e/reload.test.ts':
    /^src\/(?:adapters\/cluster\/|app\/(?:api-keys|key-files|serve|signals|workers)\.ts$|config)/,
  'test/e2e/stock-events.test.ts':
    /^src\/(?:adapters\/cluster\/|core\/stock\/|app\/stock-views\.ts$|entrypoints\/http\/routes\/stream-)/,
  'test/e2e/workers.test.ts':
    /^src\/(?:adapters\/(?:cluster|prometheus)\/|app\/(?:metric-sources|process|run-until-stopped|serve|signals|workers)\.ts$)/,
  'test/e2e/bench-commands.test.ts': /^(?:bench\/|src\/adapters\/postgres\/migrations\/)/,
  'test/e2e/container-image.test.ts':
    /^(?:Dockerfile$|\.dockerignore$|package(?:-lock)?\.json$|scripts\/finish-build\.mjs$)/,
  'test/contract/':
    /^src\/(?:adapters\/(?:redis|rabbitmq)\/|core\/tickets\/|app\/(?:shared-by-nodes|claim-queue|open-tickets|tickets)\.ts$)/,
  'test/e2e/client-examples.test.ts': /^(?:examples\/client-|src\/client[./])/,
  'test/rabbitmq/':
    /^src\/(?:adapters\/rabbitmq\/|config\/amqp-url\.ts$|core\/(?:outage\.ts$|tickets\/)|app\/(?:claim-queue|consume|dead-letters|open-tickets|tickets))/,
  'test/integration/rabbitmq-loading.test.ts':
    /^src\/(?:adapters\/rabbitmq\/|app\/claim-queue\.ts$)/,
  'test/integration/redis-':
    /^src\/(?:adapters\/redis\/|app\/(?:rate-limits|shared-by-nodes)\.ts$|core\/redis-target\.ts$)/,
  'test/integration/sagas-':
    /^src\/(?:adapters\/(?:graphile-worker|postgres\/sagas|signed-calls)\/|app\/(?:jobs|open-jobs|sagas)\.ts$|core\/sagas\/)/,
  'test/e2e/traces.test.ts':
    /^src\/(?:adapters\/opentelemetry\/|app\/tracing\.ts$|entrypoints\/http\/requests\/trace-requests\.ts$)/,
  'test/integration/commit-unknown-errors.test.ts':
    /^src\/(?:adapters\/postgres\/(?:connections|errors)\/|core\/claims\/in-doubt\.ts$)/,
  'test/integration/several-servers.test.ts':
    /^src\/(?:adapters\/postgres\/(?:connections|start)\/|core\/connection-)/,
  'test/patroni/':
    /^(?:deploy\/(?:patroni\/patroni\.yml|haproxy\/postgres\.cfg)$|src\/(?:adapters\/postgres\/connections\/|core\/connection-))/,
  'test/integration/failover.test.ts': /^(?:src\/adapters\/postgres\/|src\/core\/claims\/)/,
  'test/integration/lost-history.test.ts':
    /^src\/(?:adapters\/postgres\/(?:connections|history|migrations)\/|core\/history\/|app\/history\.ts$)/,
  'test/integration/lost-history-after-restore.test.ts':
    /^src\/(?:adapters\/(?:postgres\/(?:connections|history|installation|migrations)\/|redis\/acknowledged-)|core\/history\/|app\/history\.ts$)/,
  'test/race/all-moves.test.ts':
    /^src\/(?:core\/(?:claims|stock)\/|adapters\/postgres\/(?:sql|migrations)\/)/,
  'test/simulation/': /^src\/(?:core\/(?:claims|stock)\/|adapters\/postgres\/(?:sql|migrations)\/)/,
  'test/faults/':
    /^(?:examples\/|src\/(?:client\/|core\/(?:claims|sagas|stock|duties|tickets)\/|adapters\/(?:postgres|rabbitmq|redis|signed-calls|graphile-worker)\/))/,
};

/** All suites, by the beginning of their paths. */
export const allSuites: readonly string[] = Object.keys(suites);

/** The suites that the change of these files affects. A unit test affects none. */
export function affectedSuites(changed: readonly string[]): string[] {
  return Object.entries(suites)
    .filter(([suite, dependsOn]) =>
      changed.some(
        (path) => path.startsWith(suite) || (dependsOn.test(path) && !path.endsWith('.test.ts')),
      ),
    )
    .map(([suite]) => suite);
}

/** The changed files, with those that are not committed; undefined without a commit to compare with. */
export function changedFiles(git: (...args: string[]) => string | undefined): string[] | undefined {
  const head = git('rev-parse', 'HEAD');
  const main = ['origin/main', 'main'].find((name) => git('rev-parse', '--verify', name));
  const fork = main && git('merge-base', 'HEAD', main);
  const base = fork === undefined || fork === head ? git('rev-parse', '--verify', 'HEAD~1') : fork;
  if (base === undefined) return undefined;
  return git('diff', '--name-only', base)?.split('\n');
}

/** What git prints; undefined when it fails, or is not there. */
function runGit(...args: string[]): string | undefined {
  try {
    return execFileSync('git', args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const changed = changedFiles(runGit);
  if (changed === undefined) process.stderr.write('no commit to compare with: no long suites\n');
  process.stdout.write(
    affectedSuites(changed ?? [])
      .map((suite) => `${suite}\n`)
      .join(''),
  );
}
