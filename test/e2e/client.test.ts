// SPDX-License-Identifier: GPL-3.0-or-later
/** The client as it is shipped, against a real service. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type * as Client from '../../src/client.ts';
import { freePort } from '../support/free-port.ts';
import {
  endServiceProcesses,
  patience,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

const dist = join(import.meta.dirname, '../../dist/client.js');
const users = Array.from({ length: 400 }, (_, place) => `user-${place}`);
const amount = 300;

let folder: string;
let port: number;
let service: ServiceProcess;
let FirstcomeClient: typeof Client.FirstcomeClient;

async function start(): Promise<void> {
  service = await startServiceProcess({
    ...{ ...patience, DATA_DIR: join(folder, 'data'), PORT: String(port) },
  });
}

beforeAll(async () => {
  folder = await createTemporaryFolder('client');
  port = await freePort();
  ({ FirstcomeClient } = (await import(dist)) as typeof Client);
  await start();
});

afterAll(async () => {
  await endServiceProcesses();
  await removeTemporaryFolder(folder);
});

const clientOf = (options: { coalesce?: boolean } = {}) =>
  new FirstcomeClient({ url: `http://127.0.0.1:${port}`, timeoutMs: 240_000, ...options });

/** The ids of the claims of a coupon, by user. */
async function storedClaims(coupon: string): Promise<Map<string, string>> {
  const stored = new Map<string, string>();
  for await (const claim of clientOf().exportClaims({ coupon_name: coupon })) {
    expect(stored.has(claim.user_id)).toBe(false);
    stored.set(claim.user_id, claim.claim_id);
  }
  return stored;
}

describe('the client', () => {
  it.each([{ coalesce: false }, { coalesce: true }])(
    'gets the true outcome of each claim while the service is killed: %o',
    async (options) => {
      const client = clientOf(options);
      const coupon = `KILL-${options.coalesce}`;
      expect((await client.createCoupon({ name: coupon, amount })).outcome).toBe('ok');
      let ended = 0;
      const claims = users.map(async (user_id) => {
        const result = await client.claim({ coupon_name: coupon, user_id });
        ended += 1;
        // In the midst of the claims, or after them if they are as fast as that.
        if (ended === 1) await service.killGroup().then(start);
        return result;
      });
      const results = await Promise.all(claims);
      const stored = await storedClaims(coupon);
      expect(stored.size).toBe(amount);
      for (const [place, user] of users.entries()) {
        const result = results[place];
        if (result?.outcome === 'claimed') expect(result.claim.claim_id).toBe(stored.get(user));
        else expect([user, result?.outcome, stored.has(user)]).toEqual([user, 'sold_out', false]);
      }
    },
  );

  it('follows a claim from its reservation to its end, and the stock with it', async () => {
    const client = clientOf();
    const name = 'HELD ä/ö';
    await client.createCoupon({ name, amount: 2, hold_seconds: 600 });
    const stock = client.streamStock({ name });
    expect(await stock.next()).toMatchObject({ value: { remaining_amount: 2 } });
    const claim = { coupon_name: name, user_id: 'ada?&' };
    const claimed = await client.claim(claim);
    if (claimed.outcome !== 'claimed') throw new Error(claimed.outcome);
    const { claim_id } = claimed.claim;
    expect(await stock.next()).toMatchObject({ value: { remaining_amount: 1 } });
    await stock.return?.();
    const named = { ...claim, claim_id };
    expect(await client.confirmClaim(named)).toMatchObject({ value: { state: 'confirmed' } });
    expect(await client.redeemClaim(named, { idempotencyKey: 'k' })).toMatchObject({
      ...{ outcome: 'ok', replayed: false, value: { state: 'redeemed' } },
    });
    const repeated = await client.redeemClaim(named, { idempotencyKey: 'k' });
    expect(repeated).toMatchObject({ outcome: 'ok', replayed: true });
    expect(await client.releaseClaim(named)).toMatchObject({ outcome: 'already_redeemed' });
    expect(await client.findClaim(claim)).toMatchObject({ value: { claim_id } });
    expect(await client.addStock({ name, add: 3 })).toMatchObject({ value: { amount: 5 } });
    expect(await client.changeCoupon({ name, paused: true })).toMatchObject({ outcome: 'ok' });
    expect(await client.claim({ ...claim, user_id: 'eve' })).toMatchObject({ outcome: 'paused' });
  });

  it('gets the claims of 2,500 users in one call, in their order', async () => {
    const client = clientOf();
    await client.createCoupon({ name: 'MANY', amount: 2499 });
    const claims = Array.from({ length: 2500 }, (_, place) => ({
      ...{ coupon_name: 'MANY', user_id: `user-${place}` },
    }));
    const results = await client.claimMany(claims);
    const stored = await storedClaims('MANY');
    expect(stored.size).toBe(2499);
    for (const [place, { user_id }] of claims.entries()) {
      const result = results[place];
      if (result?.outcome === 'claimed') expect(result.claim.user_id).toBe(user_id);
      else expect([result?.outcome, stored.has(user_id)]).toEqual(['sold_out', false]);
    }
    let count = 0;
    for await (const { position } of client.eachClaim({ coupon_name: 'MANY', limit: 1000 })) {
      count += 1;
      expect(position).toBe(count);
    }
    expect(count).toBe(2499);
  });
});
