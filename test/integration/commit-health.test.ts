// SPDX-License-Identifier: GPL-3.0-or-later
/** The health of a service whose primary waits for a synchronous standby. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { Crowd } from '../support/crowd.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { lastFor } from '../support/last-for.ts';
import { ReplicatedPostgres } from '../support/replicated-postgres.ts';
import { startService } from '../support/service.ts';
import { suspendServer } from '../support/suspended-server.ts';
import { schema } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let pair: ReplicatedPostgres;
let app: App;
let crowd: Crowd;

beforeAll(async () => {
  pair = await ReplicatedPostgres.start();
  await pair.commitOn('two');
});

beforeEach(async () => {
  app = await startService({ DATABASE_URL: pair.primary.url(), STOCK_CHECK_INTERVAL_MS: '0' });
  crowd = new Crowd();
});

afterEach(async () => {
  crowd.close();
  await app.stop();
});

afterAll(async () => {
  await pair?.remove();
});

const get = (path: string) => crowd.send(app.url, { path });
const metricLines = async () => String((await get('/metrics')).body).split('\n');

/** Sessions that wait until the standby confirms their commit. */
async function waitingCommits(): Promise<number> {
  const waits = `select from pg_stat_activity where wait_event = 'SyncRep' and query like '%commit probe%'`;
  return (await pair.primary.query(waits)).length;
}

describe('a service with a synchronous standby', () => {
  it('is ready and replicated while it is idle and well', async () => {
    const statuses = new Set<number>();
    const stop = new AbortController();
    const asking = (async () => {
      while (!stop.signal.aborted) statuses.add((await get('/readyz')).status);
    })();
    await lastFor(3_000);
    stop.abort();
    await asking;
    expect([...statuses]).toEqual([200]);
    expect((await get('/health')).body).toMatchObject({ durability: 'replicated' });
  });

  it('is not ready while the standby is frozen, says why, and is ready again after it', async () => {
    await crowd.createCoupon(app.url, 'SALE', 100);
    expect((await get('/readyz')).status).toBe(200);
    const frozen = await suspendServer(pair.standby);
    try {
      await waitFor('503', async () => (await get('/readyz')).status === 503);
      // The server answers: only its commits hang.
      expect(await get('/health')).toMatchObject({
        status: 503,
        body: { status: 'unhealthy', durability: 'replicated', reason: 'commits_stalled' },
      });
      await waitFor('metrics', async () => {
        const lines = await metricLines();
        return (
          lines.includes('firstcome_database_up 0') &&
          lines.includes('firstcome_unhealthy{reason="commits_stalled"} 1')
        );
      });
    } finally {
      frozen.resume();
    }
    await waitFor('200', async () => (await get('/readyz')).status === 200);
    expect((await crowd.claim(app.url, { couponName: 'SALE', userId: 'ada' })).status).toBe(200);
  });

  it('is not ready while a batch waits for the frozen standby on the only connection that decides', async () => {
    const single = await startService({
      ...{ DATABASE_URL: pair.primary.url(), DATABASE_CLAIM_CONNECTIONS: '1' },
    });
    try {
      await crowd.createCoupon(single.url, 'SINGLE', 100);
      await crowd.claim(single.url, { couponName: 'SINGLE', userId: 'ada' });
      const ready = async () => (await crowd.send(single.url, { path: '/readyz' })).status === 200;
      expect(await ready()).toBe(true);
      const frozen = await suspendServer(pair.standby);
      const claim = { couponName: 'SINGLE', userId: 'bob', key: 'k' };
      try {
        const answer = crowd.claim(single.url, claim);
        await waitFor('503', async () => !(await ready()));
        expect((await answer).body.code).toBe('outcome_unknown');
      } finally {
        frozen.resume();
      }
      await waitFor('200', ready);
      expect((await crowd.claim(single.url, claim)).status).toBe(200);
    } finally {
      await single.stop();
    }
  });

  it('commits a probe while a batch waits for the lock of its coupon, whatever else commits, and is ready', async () => {
    const proxy = await FaultProxy.before(pair.primary.url());
    const patient = await startService({
      ...{ DATABASE_URL: proxy.urlOf(pair.primary.url()), STOCK_CHECK_INTERVAL_MS: '0' },
      ...{ CLAIM_TIMEOUT_MS: '60000', DATABASE_LOCK_TIMEOUT_MS: '25000' },
    });
    const holder = new pg.Client({ connectionString: pair.primary.url() });
    try {
      for (const name of ['LOCKED', 'SELLING']) await crowd.createCoupon(patient.url, name, 1_000);
      await holder.connect();
      await holder.query('begin');
      await holder.query(`select from ${schema}.coupons where name = 'LOCKED' for update`);
      const waiting = crowd.claim(patient.url, { couponName: 'LOCKED', userId: 'ada' });
      let probes = 0;
      let sold = 0;
      await crowd.claim(patient.url, { couponName: 'SELLING', userId: 'first' });
      proxy.cutWhen = (piece) => {
        if (piece.includes('commit probe')) probes += 1;
        return undefined;
      };
      await waitFor('a probe', async () => {
        sold += 1;
        await crowd.claim(patient.url, { couponName: 'SELLING', userId: `user-${sold}` });
        return probes > 0;
      });
      await waitFor('200', async () => {
        return (await crowd.send(patient.url, { path: '/readyz' })).status === 200;
      });
      await holder.query('commit');
      expect((await waiting).status).toBe(200);
    } finally {
      await holder.end();
      await patient.stop();
      await proxy.stop();
    }
  });

  it('leaves one hanging probe behind at most, however many callers ask and however long it lasts', async () => {
    const frozen = await suspendServer(pair.standby);
    try {
      const seen: number[] = [];
      await waitFor('a probe that was given up, and several after it', async () => {
        await Promise.all(Array.from({ length: 20 }, () => get('/readyz')));
        seen.push(await waitingCommits());
        return seen.filter((count) => count > 0).length > 25;
      });
      expect(Math.max(...seen)).toBe(1);
    } finally {
      frozen.resume();
    }
    await waitFor('200', async () => (await get('/readyz')).status === 200);
  });
});
