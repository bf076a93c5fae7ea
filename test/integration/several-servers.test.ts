// SPDX-License-Identifier: GPL-3.0-or-later
/** A service whose DATABASE_URL names a primary and its standby, without a proxy that leads to the primary. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openJobPool } from '../../src/adapters/postgres/connections/open-job-pool.ts';
import { locateInstallation } from '../../src/adapters/postgres/installation/find-installation.ts';
import { InstallationWatch } from '../../src/adapters/postgres/installation/installation-watch.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import type { App } from '../../src/app.ts';
import { Crowd } from '../support/crowd.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { ReplicatedPostgres } from '../support/replicated-postgres.ts';
import { startService } from '../support/service.ts';
import { allAnswer, answersOf, callsOf } from '../support/service-calls.ts';
import { schema } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let pair: ReplicatedPostgres;
/** In front of the server that is the primary at first, and of the other one. */
let proxies: [FaultProxy, FaultProxy];
let firstPort: number;
let url: string;
let app: App;
let crowd: Crowd;
let coupon = '';
let coupons = 0;

const portOf = (proxy: FaultProxy) => new URL(proxy.urlOf(pair.primary.url())).port;

/** The proxy in front of a server. */
function proxyOf(server: ReplicatedPostgres['primary']): FaultProxy {
  const [first, second] = proxies;
  return server.port === firstPort ? first : second;
}

/** A URL with both servers, the one that is the standby at first before the other. */
const urlOfBoth = (query = '') =>
  `postgres://postgres@127.0.0.1:${portOf(proxies[1])},127.0.0.1:${portOf(proxies[0])}/postgres${query}`;

const serviceOn = (databaseUrl: string) =>
  startService({
    DATABASE_URL: databaseUrl,
    // The second half is for resolving a batch in doubt.
    CLAIM_TIMEOUT_MS: '10000',
    DATABASE_STATEMENT_TIMEOUT_MS: '3000',
    DATABASE_CONNECT_TIMEOUT_MS: '4000',
    STOCK_CHECK_INTERVAL_MS: '0',
  });

beforeAll(async () => {
  pair = await ReplicatedPostgres.start();
  proxies = [
    await FaultProxy.before(pair.primary.url()),
    await FaultProxy.before(pair.standby.url()),
  ];
  firstPort = pair.primary.port;
  url = urlOfBoth('?target_session_attrs=read-write');
});

beforeEach(async () => {
  app = await serviceOn(url);
  crowd = new Crowd();
  coupon = `COUPON-${++coupons}`;
  await crowd.createCoupon(app.url, coupon, 1_000);
  await crowd.claim(app.url, { couponName: coupon, userId: 'ada' });
});

afterEach(async () => {
  for (const proxy of proxies) proxy.heal();
  crowd.close();
  await app.stop();
});

afterAll(async () => {
  for (const proxy of proxies ?? []) await proxy.stop();
  await pair?.remove();
});

/** Waits until the service decides claims and every call is served. */
async function untilServed(): Promise<void> {
  const { reads, writes } = callsOf(crowd, app.url);
  const all = { ...reads, ...writes };
  await waitFor('service on the new primary', async () => {
    const answers = await answersOf(all, coupon);
    return JSON.stringify(answers) === JSON.stringify(allAnswer(all, 'served'));
  });
}

/** Sessions of the service on a server. */
async function sessionsOn(server: ReplicatedPostgres['primary']): Promise<number> {
  const sessions = `select from pg_stat_activity where application_name like 'firstcome%'`;
  return (await server.query(sessions)).length;
}

describe('with the servers of a pair in its DATABASE_URL', () => {
  it('a service works on the primary, wherever it is in the list', async () => {
    await untilServed();
    expect(await sessionsOn(pair.primary)).toBeGreaterThan(1);
    expect(await sessionsOn(pair.standby)).toBe(0);
  });

  it('a service continues on the new primary after a switchover, and after another one back', async () => {
    for (const _ of [1, 2]) {
      await pair.switchOver();
      await untilServed();
      expect(await sessionsOn(pair.primary)).toBeGreaterThan(1);
      expect(await sessionsOn(pair.standby)).toBe(0);
    }
  });

  it('a service continues on the promoted server while the old primary gives no answers', async () => {
    await pair.untilSame();
    const [old, promoted] = [pair.primary, pair.standby];
    // Behind the proxy the old primary runs on.
    const proxy = proxyOf(old);
    proxy.blackHole(true);
    await promoted.promote();
    try {
      await untilServed();
      const [row] = await promoted.query<{ count: string }>('select count(*) from claims');
      expect(Number(row?.count)).toBeGreaterThan(1);
      proxy.heal();
      // Now two servers take writes. Only a failure makes the service ask again.
      await untilServed();
      expect(await sessionsOn(promoted)).toBeGreaterThan(1);
    } finally {
      proxy.heal();
      await pair.rebuild(old, promoted);
    }
    await untilServed();
  });

  it('a service leaves a primary that answers no more statements for the promoted server', async () => {
    await pair.untilSame();
    const [old, promoted] = [pair.primary, pair.standby];
    const proxy = proxyOf(old);
    // New connections to the old primary work; what it decides hangs, as without its synchronous standby.
    proxy.cutWhen = (piece) => (piece.includes('claim_') ? 'silence' : undefined);
    await promoted.promote();
    try {
      await untilServed();
      expect(await sessionsOn(promoted)).toBeGreaterThan(1);
    } finally {
      proxy.heal();
      await pair.rebuild(old, promoted);
    }
    await untilServed();
  });

  it('a service that starts while no server is the primary says of each what it is', async () => {
    await proxyOf(pair.primary).refuse();
    try {
      const starting = locateInstallation({
        ...{ url, connectTimeoutMs: 4_000, sleep: systemClock.sleep },
        ...{ schema, setting: 'DATABASE_SCHEMA' },
      });
      await expect(starting).rejects.toMatchObject({
        name: 'StartError',
        message: expect.stringMatching(
          /^cannot use the database at 127\.0\.0\.1:\d+,127\.0\.0\.1:\d+\/postgres:\s/,
        ),
      });
      await expect(starting).rejects.toThrow(/ECONNREFUSED/);
      await expect(starting).rejects.toThrow(/it\s+is\s+in\s+recovery/);
    } finally {
      await proxyOf(pair.primary).accept();
    }
    await untilServed();
  });

  it('the connections of jobs lead to the primary, and follow it', async () => {
    const [row] = await pair.primary.query<{ id: string }>('select installation_identity() as id');
    const jobs = openJobPool({
      ...{ url, schema, jobsSchema: `${schema}_jobs`, connectionsMax: 2 },
      ...{ connectTimeoutMs: 4_000, statementTimeoutMs: 4_000 },
      installation: new InstallationWatch({ identity: row?.id ?? '', warn: () => undefined }),
      onConnectionLost: () => undefined,
    });
    const port = async () => {
      const { rows } = await jobs.pool.query<{ port: number }>(
        `select current_setting('port')::int as port`,
      );
      return rows[0]?.port;
    };
    try {
      expect(await port()).toBe(pair.primary.port);
      await pair.switchOver();
      await waitFor('jobs on the new primary', async () => {
        return (await port().catch(() => undefined)) === pair.primary.port;
      });
    } finally {
      await jobs.close();
    }
    await untilServed();
  });
});
