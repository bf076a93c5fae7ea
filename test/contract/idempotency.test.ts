// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { Answer } from '../support/contract-client.ts';
import { expectInvalid, expectProblem } from '../support/contract-problems.ts';
import { newName, pathOf, useService } from '../support/contract-service.ts';

/** The repeat is marked as a replay and has exactly the body of the first answer. */
function expectReplay(again: Answer, first: Answer): void {
  expect(again.status, again.text).toBe(200);
  expect(again.headers['idempotency-replayed']).toBe('true');
  expect(again.text).toBe(first.text);
}

describe('POST /api/coupons/claim with an Idempotency-Key', () => {
  const service = useService();
  const change = (coupon: string, body: object) => service.client.patch(pathOf(coupon), body);

  it('a repeated claim with its key gets the same response as a replay and takes no further unit', async () => {
    const coupon = await service.createCoupon();
    const first = await service.mustClaim(coupon, { key: 'k' });
    expect(first.headers).not.toHaveProperty('idempotency-replayed');
    for (let count = 0; count < 3; count += 1) {
      expectReplay(await service.client.claim('holder', coupon, 'k'), first);
    }
    expect((await service.client.get(pathOf(coupon))).json.remaining_amount).toBe(9);
  });

  it('ten simultaneous claims with the same key make one claim', async () => {
    const coupon = await service.createCoupon();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => service.client.claim('ada', coupon, 'k')),
    );
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
    expect(answers.map((answer) => answer.status)).toEqual(Array(10).fill(200));
    expect(answers.filter((answer) => answer.headers['idempotency-replayed'])).toHaveLength(9);
    expect((await service.client.get(pathOf(coupon))).json.remaining_amount).toBe(9);
  });

  it('a claim is replayed after the coupon has sold out', async () => {
    const coupon = await service.createCoupon({ amount: 1 });
    const first = await service.mustClaim(coupon, { key: 'k' });
    expectReplay(await service.client.claim('holder', coupon, 'k'), first);
  });

  it.each([
    ['the sale is over', { closes_at: '2020-01-01T00:00:00Z' }],
    ['the sale is paused', { paused: true }],
    ['the opening was moved into the future', { opens_at: '2999-01-01T00:00:00Z' }],
  ])('a claim is replayed when %s', async (_when, body) => {
    const coupon = await service.createCoupon();
    const first = await service.mustClaim(coupon, { key: 'k' });
    expect((await change(coupon, body)).status).toBe(200);
    expectReplay(await service.client.claim('holder', coupon, 'k'), first);
  });

  it('another service on the same database replays the claim', async () => {
    const coupon = await service.createCoupon();
    const first = await service.mustClaim(coupon, { key: 'k' });
    await service.withAnother({}, async ({ client }) => {
      expectReplay(await client.claim('holder', coupon, 'k'), first);
    });
  });

  it('the key of one user does not replay the claim of another user', async () => {
    const coupon = await service.createCoupon();
    const ada = await service.mustClaim(coupon, { user: 'ada', key: 'k' });
    const bob = await service.mustClaim(coupon, { user: 'bob', key: 'k' });
    expect(bob.headers).not.toHaveProperty('idempotency-replayed');
    expect(bob.json.claim_id).not.toBe(ada.json.claim_id);
    expect(bob.json).toMatchObject({ user_id: 'bob', position: 2 });
  });

  it('the same key claims another coupon', async () => {
    const coupons = [await service.createCoupon(), await service.createCoupon()];
    for (const coupon of coupons) {
      const answer = await service.mustClaim(coupon, { user: 'ada', key: 'k' });
      expect(answer.headers).not.toHaveProperty('idempotency-replayed');
    }
  });

  it.each([
    ['another key', 'k', 'other'],
    ['a key of another case', 'k', 'K'],
    ['a longer key', 'k', 'kk'],
    ['no key', 'k', undefined],
    ['a key where the claim has none', undefined, 'k'],
    ['no key, twice', undefined, undefined],
  ])('a second claim with %s is already_claimed and no replay', async (_what, first, second) => {
    const coupon = await service.createCoupon();
    await service.mustClaim(coupon, first === undefined ? {} : { key: first });
    const answer = await service.client.claim('holder', coupon, second);
    expectProblem(answer, 'already_claimed');
    expect(answer.headers).not.toHaveProperty('idempotency-replayed');
  });

  it('a claim whose first attempt was refused is decided again with the same key', async () => {
    const coupon = newName();
    const claim = () => service.client.claim('late', coupon, 'k');
    expectProblem(await claim(), 'coupon_not_found');
    await service.createCoupon({ name: coupon, amount: 1, opens_at: '2999-01-01T00:00:00Z' });
    expectProblem(await claim(), 'not_open');
    await change(coupon, { opens_at: null, paused: true });
    expectProblem(await claim(), 'paused');
    await change(coupon, { paused: false, closes_at: '2020-01-01T00:00:00Z' });
    expectProblem(await claim(), 'closed');
    await change(coupon, { closes_at: null });
    await service.mustClaim(coupon, { user: 'early' });
    expectProblem(await claim(), 'sold_out');
    await service.client.post(pathOf(coupon, 'stock'), { add: 1 });
    const won = await claim();
    expect(won.status).toBe(200);
    expect(won.headers).not.toHaveProperty('idempotency-replayed');
    expectReplay(await claim(), won);
  });

  it.each([
    ['one character', 'x'],
    ['255 characters', 'x'.repeat(255)],
    ['every printable ASCII character', printableAscii()],
    ['a text with spaces inside', 'a  b'],
    ['a JSON text', '{"a":"\\u0000"}'],
    ['words of SQL', `'; drop table claims; --`],
    ['quotes, which are part of it', '"quoted"'],
  ])('the Idempotency-Key is compared byte by byte: %s', async (_what, key) => {
    const coupon = await service.createCoupon();
    const first = await service.mustClaim(coupon, { key });
    expectReplay(await service.client.claim('holder', coupon, key), first);
    const [row] = await service.database.query<{ idempotency_key: string }>(
      'select idempotency_key from claims join coupons on id = coupon_id where name = $1',
      [coupon],
    );
    expect(row?.idempotency_key).toBe(key);
  });

  it.each([
    ['empty', ''],
    ['256 characters long', 'x'.repeat(256)],
    ['not ASCII', 'caf\u00e9'],
    ['a tab inside', 'a\tb'],
    ['bytes of UTF-8', Buffer.from('🎟').toString('latin1')],
  ])('an Idempotency-Key that is %s is refused and nothing is stored', async (_what, key) => {
    const coupon = await service.createCoupon();
    const before = await service.storedCounts();
    const stock = { 'Idempotency-Key': key };
    for (const answer of [
      await service.client.claim('ada', coupon, key),
      await service.client.post(pathOf(coupon, 'stock'), { add: 1 }, stock),
    ]) {
      expectInvalid(answer, 'Idempotency-Key');
      expect(answer.json).toMatchObject({
        errors: [{ message: 'must be a text of 1 to 255 visible ASCII characters or spaces' }],
      });
    }
    expect(await service.storedCounts()).toEqual(before);
  });
});

function printableAscii(): string {
  // No space: at either end it would not be part of the header value.
  return String.fromCharCode(...Array.from({ length: 94 }, (_, index) => 0x21 + index));
}
