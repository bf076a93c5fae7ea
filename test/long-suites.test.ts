// SPDX-License-Identifier: GPL-3.0-or-later
import { readdirSync } from 'node:fs';
import { posix, sep } from 'node:path';
import { describe, expect, it } from 'vitest';
import { affectedSuites, allSuites, changedFiles } from '../scripts/long-suites.ts';
import { sqlTests } from './support/version-tests.ts';

describe('the long suites of a change', () => {
  it.each([
    [
      ['src/adapters/bundled-postgres/account.ts'],
      [
        ...['test/e2e/bundled-postgres', 'test/e2e/backup.test.ts'],
        ...['test/e2e/copy.test.ts', 'test/e2e/kill-nine.test.ts'],
      ],
    ],
    [
      ['src/client/batches.ts'],
      [
        ...['test/e2e/package-installed.test.ts', 'test/e2e/client-examples.test.ts'],
        'test/faults/',
      ],
    ],
    [['Dockerfile'], ['test/e2e/container-image.test.ts']],
    [['src/config/amqp-url.ts'], ['test/e2e/reload.test.ts', 'test/rabbitmq/']],
    [['bench/database-server.ts'], ['test/e2e/bench-commands.test.ts']],
    [['deploy/haproxy/haproxy.cfg'], ['test/e2e/balancer', 'test/e2e/database-balancer.test.ts']],
    [['deploy/patroni/patroni.yml'], ['test/patroni/']],
    [['test/faults/rows/disk.ts', 'CHANGELOG.md'], ['test/faults/']],
    [
      ['src/core/sagas/run-saga.ts'],
      ['test/e2e/demo-saga.test.ts', 'test/integration/sagas-', 'test/faults/'],
    ],
    [['examples/participant.mjs'], ['test/e2e/demo-saga.test.ts', 'test/faults/']],
    [['src/app/stock-views.ts'], ['test/e2e/stock-events.test.ts']],
    [
      ['src/core/claims/claim-lane.ts'],
      [
        ...['test/integration/failover.test.ts', 'test/race/all-moves.test.ts'],
        ...['test/simulation/', 'test/faults/'],
      ],
    ],
    [['src/core/claims/claim-lane.test.ts', 'src/core/errors.ts', ''], []],
    [[], []],
  ])('after a change of %j are %j', (changed, suites) => {
    expect(affectedSuites(changed)).toEqual(suites);
  });

  it('after a change of the SQL include those that run on two versions of PostgreSQL', () => {
    const affected = affectedSuites(['src/adapters/postgres/migrations/0002_decide_claims.sql']);
    expect(affected).toEqual(expect.arrayContaining([...sqlTests, 'test/simulation/']));
  });

  it('exist', () => {
    const names = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' });
    const files = names.map((name) => posix.join('test', name.replaceAll(sep, '/')));
    expect(allSuites.filter((suite) => !files.some((file) => file.startsWith(suite)))).toEqual([]);
  });
});

describe('the changed files', () => {
  /** A git that knows these commands and fails at all others. */
  const git =
    (outputs: Record<string, string>) =>
    (...args: string[]) =>
      outputs[args.join(' ')];

  it('are those since the branch left main', () => {
    const known = {
      'rev-parse HEAD': 'c3',
      'rev-parse --verify main': 'c2',
      'merge-base HEAD main': 'c1',
      'diff --name-only c1': 'a.ts\nb.ts',
    };
    expect(changedFiles(git(known))).toEqual(['a.ts', 'b.ts']);
  });

  it('are those of the last commit on main itself, and without a main', () => {
    const last = { 'rev-parse --verify HEAD~1': 'c1', 'diff --name-only c1': 'a.ts' };
    const onMain = {
      'rev-parse HEAD': 'c2',
      'rev-parse --verify origin/main': 'c2',
      'merge-base HEAD origin/main': 'c2',
    };
    expect(changedFiles(git({ ...last, ...onMain }))).toEqual(['a.ts']);
    expect(changedFiles(git({ ...last, 'rev-parse HEAD': 'c2' }))).toEqual(['a.ts']);
  });

  it('are unknown without git, and at the first commit', () => {
    expect(changedFiles(git({}))).toBeUndefined();
    expect(changedFiles(git({ 'rev-parse HEAD': 'c1' }))).toBeUndefined();
  });
});
