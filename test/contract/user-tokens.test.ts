// SPDX-License-Identifier: GPL-3.0-or-later
/** What a user can do with a token, and which tokens are accepted. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { adminKey, bearers, claimKey } from '../support/access-keys.ts';
import { changeClaim, claimIn } from '../support/claim-states.ts';
import { clientOf } from '../support/contract-client.ts';
import { expectInvalid, expectProblem } from '../support/contract-problems.ts';
import { newName, pathOf, useService } from '../support/contract-service.ts';
import {
  acceptTokens,
  audience,
  inSeconds,
  newSigningKey,
  type SigningKey,
  signToken,
  toKeySet,
  toPem,
} from '../support/user-tokens.ts';

const folder = mkdtempSync(join(tmpdir(), 'firstcome-tokens-'));
afterAll(() => rmSync(folder, { recursive: true }));
const key = newSigningKey('EdDSA', 'ed-1');
const keys = { ADMIN_API_KEY: adminKey, CLAIM_API_KEY: claimKey };
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
const userBearer = async (sub: string, claims = {}) =>
  bearer(await signToken(key, { sub, ...claims }));
const claimPath = '/api/coupons/claim';

describe('a user with a token', () => {
  const service = useService({ ...acceptTokens(folder, toKeySet([key])), ...keys });
  const admin = () => service.with(clientOf(service.client.url, bearers.admin));
  const aCoupon = (fields = {}) => admin().createCoupon(fields);

  it('claims without a user_id, and with its own', async () => {
    const coupon = await aCoupon();
    const ada = await userBearer('ada');
    const claimed = await service.client.post(claimPath, { coupon_name: coupon }, ada);
    expect(claimed.status, claimed.text).toBe(200);
    expect(claimed.json.user_id).toBe('ada');
    const again = { coupon_name: coupon, user_id: 'ada' };
    expectProblem(await service.client.post(claimPath, again, ada), 'already_claimed');
  });

  it('claims for no other user', async () => {
    const coupon = await aCoupon();
    const before = await service.storedCounts();
    const body = { coupon_name: coupon, user_id: 'eve' };
    const answer = await service.client.post(claimPath, body, await userBearer('ada'));
    expectProblem(answer, 'forbidden');
    expect(await service.storedCounts()).toEqual(before);
  });

  it.each([
    ['null', null],
    ['empty', ''],
    ['a number', 7],
    ['a list of the user', ['ada']],
    ['two dots', '..'],
  ])('gets 400 for a user_id that is %s', async (_name, userId) => {
    const body = { coupon_name: await aCoupon(), user_id: userId };
    expectInvalid(await service.client.post(claimPath, body, await userBearer('ada')), 'user_id');
  });

  it('gets 400 for a body that is no object, or has no coupon', async () => {
    const ada = await userBearer('ada');
    expectInvalid(await service.client.post(claimPath, [], ada), 'body');
    expectInvalid(await service.client.post(claimPath, {}, ada), 'coupon_name');
  });

  it('must be named where the caller has a key', async () => {
    const answer = await service.client.post(claimPath, {}, bearers.claim);
    expectInvalid(answer, 'coupon_name', 'user_id');
    const body = { coupon_name: await aCoupon() };
    expectInvalid(await service.client.post(claimPath, body, bearers.claim), 'user_id');
  });

  it('reads its own claim, and nothing of other users, whether they have one or not', async () => {
    const coupon = await aCoupon();
    await admin().mustClaim(coupon, { user: 'ada' });
    await admin().mustClaim(coupon, { user: 'eve' });
    const ada = await userBearer('ada');
    const own = await service.client.get(pathOf(coupon, 'claims', 'ada'), ada);
    expect(own.json).toMatchObject({ user_id: 'ada', coupon_name: coupon });
    expectProblem(await service.client.get(pathOf(coupon, 'claims', 'eve'), ada), 'forbidden');
    expectProblem(await service.client.get(pathOf(coupon, 'claims', 'bob'), ada), 'forbidden');
    const { json } = await service.client.get(pathOf(coupon), ada);
    expect(json.claimed_by_hidden).toBe(true);
    expect(json).not.toHaveProperty('claimed_by');
  });

  it('releases what it has reserved, but nothing confirmed, and makes no release final', async () => {
    const reserved = await claimIn(admin(), 'reserved');
    const confirmed = await claimIn(admin(), 'confirmed');
    const ada = await userBearer('ada');
    const final = await changeClaim(service, 'release', reserved, { final: true }, ada);
    expectProblem(final, 'forbidden');
    expectProblem(await changeClaim(service, 'release', confirmed, {}, ada), 'forbidden');
    const released = await changeClaim(service, 'release', reserved, { reason: 'no' }, ada);
    expect(released.json).toMatchObject({ state: 'released', reason: 'no' });
  });

  it('neither confirms nor redeems, nor releases the claim of another user', async () => {
    const claim = await claimIn(admin(), 'reserved');
    const before = await service.storedCounts();
    const ada = await userBearer('ada');
    expectProblem(await changeClaim(service, 'confirm', claim, {}, ada), 'forbidden');
    expectProblem(await changeClaim(service, 'redeem', claim, {}, ada), 'forbidden');
    const eve = await userBearer('eve');
    expectProblem(await changeClaim(service, 'release', claim, {}, eve), 'forbidden');
    expect(await service.storedCounts()).toEqual(before);
  });

  it('has any id that a user can have', async () => {
    const coupon = await aCoupon();
    for (const user of ['🎟'.repeat(255), 'claims/../ada', ' ', 'constructor', 'é%2F?#']) {
      const headers = await userBearer(user);
      const claimed = await service.client.post(claimPath, { coupon_name: coupon }, headers);
      expect(claimed.status, claimed.text).toBe(200);
      const read = await service.client.get(pathOf(coupon, 'claims', user), headers);
      expect(read.json.user_id).toBe(user);
    }
  });

  it('wins once with one token that many requests carry', async () => {
    const coupon = await aCoupon({ amount: 50 });
    const ada = await userBearer(newName('ada'));
    const answers = await Promise.all(
      Array.from({ length: 40 }, () =>
        service.client.post(claimPath, { coupon_name: coupon }, ada),
      ),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, ...Array.from({ length: 39 }, () => 409)]);
  });
});

describe('an accepted token', () => {
  const service = useService(acceptTokens(folder, toKeySet([key])));
  const mustAccept = async (token: string) => {
    const coupon = await service.createCoupon();
    const answer = await service.client.post(claimPath, { coupon_name: coupon }, bearer(token));
    expect(answer.status, answer.text).toBe(200);
  };

  it.each<[string, () => Record<string, unknown>, Record<string, unknown>?]>([
    ['that ended 20 seconds ago', () => ({ exp: inSeconds(-20) })],
    ['that begins in 20 seconds', () => ({ nbf: inSeconds(20), iat: inSeconds(20) })],
    ['whose times have fractions', () => ({ exp: inSeconds(60) + 0.5, iat: inSeconds(-1) + 0.25 })],
    ['for several audiences', () => ({ aud: ['payments', audience] })],
    ['without a kid', () => ({}), { kid: undefined }],
    ['of the type JWT', () => ({}), { typ: 'JWT' }],
    ['of the type at+jwt', () => ({}), { typ: 'AT+JWT' }],
    ['of the type application/at+jwt', () => ({}), { typ: 'application/at+jwt' }],
    ['of nearly 8 KiB', () => ({ more: 'x'.repeat(5900) })],
    ['with other claims', () => ({ scope: 'a b', realm: { roles: ['x', { y: [1] }] } })],
  ])('can be one %s', async (_name, claims, header) => {
    await mustAccept(await signToken(key, claims(), header));
  });

  it('has a scheme in any case', async () => {
    const coupon = await service.createCoupon();
    const headers = { Authorization: `bearer  ${await signToken(key)}` };
    const answer = await service.client.post(claimPath, { coupon_name: coupon }, headers);
    expect(answer.status, answer.text).toBe(200);
  });

  it('is counted once as verified, then as remembered', async () => {
    const count = async (result: string) => {
      const { text } = await service.client.get('/metrics');
      const line = text.match(new RegExp(`firstcome_user_tokens_total{result="${result}"} (\\d+)`));
      return Number(line?.[1]);
    };
    const token = await signToken(key, { sub: newName('counted') });
    const [verified, remembered] = [await count('verified'), await count('remembered')];
    await mustAccept(token);
    await mustAccept(token);
    expect(await count('verified')).toBe(verified + 1);
    expect(await count('remembered')).toBe(remembered + 1);
    const malformed = await count('malformed');
    await service.client.post(claimPath, {}, bearer('a.b'));
    expect(await count('malformed')).toBe(malformed + 1);
  });
});

describe('keys in PEM', () => {
  const pemKeys: SigningKey[] = [
    newSigningKey('EdDSA', 'unused'),
    newSigningKey('ES256', 'unused'),
    newSigningKey('RS256', 'unused'),
    newSigningKey('EdDSA', 'unused'),
  ];
  const service = useService(acceptTokens(folder, pemKeys.map(toPem).join('\n')));

  it('verify tokens with any kid or none', async () => {
    const coupon = await service.createCoupon();
    for (const one of pemKeys) {
      for (const kid of ['any', undefined]) {
        const token = await signToken(one, { sub: newName('user') }, { kid });
        const body = { coupon_name: coupon };
        const answer = await service.client.post(claimPath, body, bearer(token));
        expect(answer.status, answer.text).toBe(200);
      }
    }
    const token = await signToken(key);
    const refused = await service.client.post(claimPath, { coupon_name: coupon }, bearer(token));
    expectProblem(refused, 'unauthorized', 'Bearer error="invalid_token"');
  });
});
