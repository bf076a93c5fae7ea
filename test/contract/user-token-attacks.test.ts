// SPDX-License-Identifier: GPL-3.0-or-later
/** No attack token is accepted, none meets a bug, and none reaches the database. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { attackKeys, attacks } from '../support/attack-tokens.ts';
import { newName, useService } from '../support/contract-service.ts';
import { acceptTokens, signToken, toKeySet } from '../support/user-tokens.ts';

const folder = mkdtempSync(join(tmpdir(), 'firstcome-attacks-'));
afterAll(() => rmSync(folder, { recursive: true }));
const keys = attackKeys();
const { eddsa, es256, rs256 } = keys;

describe('a service with three keys', () => {
  const service = useService(acceptTokens(folder, toKeySet([eddsa, es256, rs256])));
  const claimWith = (token: string, user = 'ada') =>
    service.client.post(
      '/api/coupons/claim',
      { coupon_name: 'ATTACKED', user_id: user },
      { Authorization: `Bearer ${token}` },
    );

  it('has at least 60 attacks to refuse', () => {
    expect(Object.keys(attacks).length).toBeGreaterThanOrEqual(60);
  });

  it('accepts an honest token of each key', async () => {
    await service.createCoupon({ name: 'ATTACKED', amount: 100 });
    for (const key of [eddsa, es256, rs256]) {
      const user = newName('honest');
      const answer = await claimWith(await signToken(key, { sub: user }), user);
      expect(answer.status, answer.text).toBe(200);
    }
  });

  it.each(Object.keys(attacks))('refuses a token with %s', async (name) => {
    const before = await service.storedCounts();
    const attack = attacks[name];
    if (attack === undefined) throw new Error(name);
    const answer = await claimWith(await attack.make(keys));
    expect(answer.status, answer.text).toBe(401);
    expect(answer.json.code).toBe('unauthorized');
    expect(answer.json.detail).toMatch(attack.detail);
    expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token"');
    expect(await service.storedCounts()).toEqual(before);
  });

  it('still accepts an honest token', async () => {
    const answer = await claimWith(await signToken(eddsa));
    expect(answer.status, answer.text).toBe(200);
  });
});
