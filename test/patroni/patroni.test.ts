// SPDX-License-Identifier: GPL-3.0-or-later
/** The service on three servers under Patroni, all of them in its DATABASE_URL, while a drill goes on. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lastFor } from '../support/last-for.ts';
import { signalIfExists } from '../support/server-processes.ts';
import { drillUnderFailover, type FailoverResult } from './drill-under-failover.ts';
import { PatroniCluster, type ReplicationMode } from './patroni-cluster.ts';
import { findPatroni } from './programs.ts';

const programs = await findPatroni();

/** A cluster in a folder of its own, for the tests of one describe. */
function clusterIn(mode: ReplicationMode) {
  const place = { folder: '', cluster: undefined as PatroniCluster | undefined };
  beforeAll(async () => {
    if (programs === undefined) throw new Error('there is no Patroni');
    place.folder = await mkdtemp(join(tmpdir(), 'firstcome-patroni-'));
    await chmod(place.folder, 0o755);
    const servers = await mkdtemp(join(place.folder, 'servers-'));
    place.cluster = await PatroniCluster.start(servers, programs, mode);
  });
  afterAll(async () => {
    await place.cluster?.stop();
    await rm(place.folder, { recursive: true, force: true, maxRetries: 5 });
  });
  return (
    drill: { name: string; seconds: number; mayLose?: boolean },
    inject: (cluster: PatroniCluster) => Promise<void>,
  ): Promise<FailoverResult> => {
    const { cluster, folder } = place;
    if (cluster === undefined) throw new Error('the cluster has not started');
    return drillUnderFailover(cluster, { ...drill, folder }, () => inject(cluster));
  };
}

/** Prints the figures of a run, and expects that its audit found nothing. */
function expectPassed(name: string, result: FailoverResult): void {
  const { downSeconds, wins, verdict, findings, report } = result;
  process.stdout.write(`${name}: ${downSeconds.toFixed(1)} s down, ${wins} claims, ${verdict}\n`);
  expect({ verdict, findings }, report).toEqual({ verdict: 'passed', findings: [] });
}

describe.skipIf(programs === undefined)('in synchronous mode', () => {
  const run = clusterIn('synchronous');

  it('a switchover loses no claim and refuses none wrongly', async () => {
    const result = await run({ name: 'switchover', seconds: 40 }, async (cluster) => {
      await cluster.switchOver();
      await cluster.untilComplete();
    });
    expectPassed('switchover', result);
  });

  it('a kill of PostgreSQL loses no claim', async () => {
    const result = await run({ name: 'kill', seconds: 50 }, async (cluster) => {
      cluster.killPostgres(await cluster.primary());
      await lastFor(2_000);
      await cluster.untilComplete();
    });
    expectPassed('kill of PostgreSQL', result);
  });

  it('the loss of the primary with its Patroni loses no claim', async () => {
    const result = await run({ name: 'machine', seconds: 75 }, async (cluster) => {
      const old = await cluster.primary();
      cluster.killMember(old);
      await cluster.untilReplaced(old);
      cluster.startPatroni(old);
      await cluster.untilComplete();
    });
    expectPassed('kill of Patroni and PostgreSQL', result);
  });
});

describe.skipIf(programs === undefined)('in asynchronous mode', () => {
  const run = clusterIn('asynchronous');

  it('the loss of the primary loses what its standbys did not have, and the audit finds it', async () => {
    const result = await run({ name: 'lagging', seconds: 60, mayLose: true }, async (cluster) => {
      const old = await cluster.primary();
      const others = cluster.members.filter((member) => member !== old);
      const receivers = await Promise.all(
        others.map((member) =>
          cluster.query<{ pid: number }>(member, 'select pid from pg_stat_wal_receiver'),
        ),
      );
      const pids = receivers.flat().map(({ pid }) => pid);
      for (const pid of pids) signalIfExists(pid, 'SIGSTOP');
      await lastFor(2_000);
      cluster.killMember(old);
      // What the network holds is gone with the machine.
      for (const pid of pids) signalIfExists(pid, 'SIGKILL');
      await cluster.untilReplaced(old);
    });
    expect(result.verdict).toBe('failed');
    expect(result.findings.join('\n')).toMatch(/^R3: /m);
  });
});
