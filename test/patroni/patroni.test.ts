// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The service on three servers under Patroni while a drill goes on, judged by the audit. Where DATABASE_URL names no HAProxy, it
 * names all servers. FAILOVER_ROUNDS plays each failover more often.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDatabaseBalancer } from '../support/database-balancer.ts';
import { lastFor } from '../support/last-for.ts';
import { signalIfExists } from '../support/server-processes.ts';
import { missed, waitFor } from '../support/wait-for.ts';
import { drillUnderFailover, type FailoverResult, readinessOf } from './drill-under-failover.ts';
import { expectLossNoticed, expectPassed, printFigures } from './expect-result.ts';
import { PatroniCluster, type ReplicationMode } from './patroni-cluster.ts';
import { findPatroni } from './programs.ts';

const programs = await findPatroni();
// Claims that were acknowledged before a freeze may reach their clients this much later.
const lateAnswersMs = 2_000;
const rounds = Array.from(
  { length: Number(process.env.FAILOVER_ROUNDS ?? 1) },
  (_, index) => index + 1,
);

/** A cluster in a folder of its own, for the tests of one describe. */
function clusterIn(mode: ReplicationMode) {
  let folder = '';
  let started: PatroniCluster | undefined;
  beforeAll(async () => {
    if (programs === undefined) throw new Error('there is no Patroni');
    folder = await mkdtemp(join(tmpdir(), 'firstcome-patroni-'));
    await chmod(folder, 0o755);
    const servers = await mkdtemp(join(folder, 'servers-'));
    started = await PatroniCluster.start(servers, programs, mode);
  });
  afterAll(async () => {
    await started?.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  return {
    get cluster(): PatroniCluster {
      if (started === undefined) throw new Error('the cluster has not started');
      return started;
    },
    /** Plays the drill. The nodes find the database at `host`, or at all servers. */
    drill(
      options: { seconds: number; host?: string },
      inject: (urls: string[]) => Promise<void>,
    ): Promise<FailoverResult> {
      const urlOf = (database: string) => this.cluster.urlOf(database, options.host);
      return drillUnderFailover(this.cluster, { ...options, folder, urlOf }, inject);
    },
  };
}

afterAll(printFigures);

describe.skipIf(programs === undefined)('in synchronous mode', () => {
  const place = clusterIn('synchronous');

  const switchOver = async () => {
    await place.cluster.switchOver();
    await place.cluster.untilComplete();
  };

  it.for(rounds)('a switchover loses no claim and refuses none wrongly (%i)', async () => {
    const drill = { seconds: 35 };
    expectPassed('switchover', await place.drill(drill, switchOver));
  });

  it.for(rounds)('a switchover behind HAProxy does neither (%i)', async () => {
    const balancer = await startDatabaseBalancer(programs?.haproxy ?? '', place.cluster.members);
    try {
      const host = `127.0.0.1:${balancer.port}`;
      const drill = { seconds: 35, host };
      expectPassed('switchover behind HAProxy', await place.drill(drill, switchOver));
    } finally {
      await balancer.stop();
    }
  });

  it.for(rounds)('a kill of PostgreSQL loses no claim (%i)', async () => {
    const result = await place.drill({ seconds: 40 }, async () => {
      (await place.cluster.primary()).killPostgres();
      await lastFor(2_000);
      await place.cluster.untilComplete();
    });
    expectPassed('kill of PostgreSQL', result);
  });

  it.for(rounds)('the loss of the primary with its Patroni loses no claim (%i)', async () => {
    const result = await place.drill({ seconds: 60 }, async () => {
      const old = await place.cluster.primary();
      old.kill();
      await place.cluster.untilReplaced(old);
      old.start();
      await place.cluster.untilComplete();
    });
    expectPassed('kill of Patroni and PostgreSQL', result);
  });

  it('a frozen primary that is replaced and wakes up loses no claim, or the nodes notice it', async () => {
    const result = await place.drill({ seconds: 65 }, async () => {
      const old = await place.cluster.primary();
      const resume = old.freeze();
      try {
        await place.cluster.untilReplaced(old);
        await lastFor(5_000);
      } finally {
        resume();
      }
      await place.cluster.untilComplete();
    });
    // The new primary stays, or the old one takes the lead back and the new one's claims are gone.
    if (result.end === 'history_lost') expectLossNoticed('primary frozen', result);
    else expectPassed('primary frozen', result);
  });

  it('no claim is acknowledged while the synchronous standby is frozen, and no node is ready', async () => {
    const frozen = { fromMs: 0, untilMs: 0 };
    const result = await place.drill({ seconds: 60 }, async (urls) => {
      const { cluster } = place;
      const primary = await cluster.primary();
      const names = await cluster.synchronousNames(primary);
      const resume = (await cluster.synchronousStandby()).freeze();
      try {
        const areStalled = async () =>
          (await Promise.all(urls.map(readinessOf))).every((state) => state === 'commits_stalled');
        await waitFor('nodes that are not ready', areStalled);
        // Until then, claims of before the freeze may reach their clients.
        await lastFor(lateAnswersMs);
        frozen.fromMs = Date.now();
        // Patroni lets the other standby confirm, once this one has not renewed its key for `ttl`.
        await waitFor('another synchronous standby', async () => {
          const nowMs = Date.now();
          if ((await cluster.synchronousNames(primary)) !== names) return true;
          frozen.untilMs = nowMs;
          return false;
        });
      } finally {
        resume();
      }
      await cluster.untilComplete();
    });
    const { fromMs, untilMs } = frozen;
    if (untilMs <= fromMs) missed('the standby was replaced before both nodes had noticed');
    expect(result.wonMs.filter((ms) => ms > fromMs && ms < untilMs)).toEqual([]);
    expectPassed('synchronous standby frozen', result);
  });
});

describe.skipIf(programs === undefined)('in asynchronous mode', () => {
  const place = clusterIn('asynchronous');

  it('the loss of the primary loses what its standbys lacked: the audit finds it, and all nodes do', async () => {
    const result = await place.drill({ seconds: 50 }, async () => {
      const { cluster } = place;
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
      old.kill();
      // What the network holds is gone with the machine.
      for (const pid of pids) signalIfExists(pid, 'SIGKILL');
      await cluster.untilReplaced(old);
    });
    expectLossNoticed('kill of Patroni and PostgreSQL, asynchronous', result);
  });
});
