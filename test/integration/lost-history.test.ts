// SPDX-License-Identifier: GPL-3.0-or-later
/** A service whose database comes back without batches that the service had acknowledged. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { Crowd } from '../support/crowd.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { ReplicatedPostgres } from '../support/replicated-postgres.ts';
import { startService } from '../support/service.ts';
import { waitFor } from '../support/wait-for.ts';

let pair: ReplicatedPostgres;
let proxy: FaultProxy;
let crowd: Crowd;
const apps: App[] = [];

async function startNode(env: Record<string, string> = {}): Promise<App> {
  const app = await startService({
    DATABASE_URL: proxy.urlOf(pair.primary.url()),
    CLAIM_TIMEOUT_MS: '10000',
    STOCK_CHECK_INTERVAL_MS: '0',
    ...env,
  });
  apps.push(app);
  return app;
}

beforeEach(async () => {
  pair = await ReplicatedPostgres.start();
  proxy = await FaultProxy.before(pair.primary.url());
  crowd = new Crowd();
});

afterEach(async () => {
  crowd.close();
  for (const app of apps.splice(0)) await app.stop();
  await proxy.stop();
  await pair.remove();
});

const health = async (app: App) => (await crowd.send(app.url, { path: '/health' })).body;
const claim = (app: App, couponName: string, userId: string) =>
  crowd.claim(app.url, { couponName, userId });

/** The primary fails, and the standby takes over without what was committed during `work`. */
async function failOverWithout(work: () => Promise<void>): Promise<void> {
  await pair.untilSame();
  await pair.standby.stop('fast');
  await work();
  await pair.primary.stop('immediate');
  await pair.standby.start();
  await pair.standby.promote();
  proxy.leadTo(pair.standby.url());
}

const untilLost = (app: App) =>
  waitFor('the service to refuse calls', async () => (await health(app)).reason === 'history_lost');

const untilHealthy = (app: App) =>
  waitFor('the service to be healthy', async () => (await health(app)).status === 'healthy');

describe('after a failover to a standby that was behind', () => {
  it('a service refuses every call until an operator has accepted the loss', async () => {
    const app = await startNode();
    await crowd.createCoupon(app.url, 'SALE', 10);
    expect((await claim(app, 'SALE', 'ada')).status).toBe(200);
    await failOverWithout(async () => {
      expect((await claim(app, 'SALE', 'bob')).status).toBe(200);
    });
    await untilLost(app);
    const refused = await claim(app, 'SALE', 'eve');
    expect(refused).toMatchObject({ status: 503, body: { code: 'unavailable', effect: 'none' } });
    expect(await pair.standby.query('select coupon_name, claims, "position", user_id from lost_batches')).toEqual([
      { coupon_name: 'SALE', claims: 1, position: 2, user_id: 'bob' },
    ]);
  });
});
