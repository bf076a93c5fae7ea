// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { clientOf } from '../support/contract-client.ts';
import { expectApiHeaders, expectInvalid, expectProblem } from '../support/contract-problems.ts';
import { newName, pathOf, useService } from '../support/contract-service.ts';
import { membersLeftOut } from '../support/coupon-members.ts';

const adminKey = 'admin-key-of-thirty-two-characters!';
const nextKey = 'next-admin-key-of-thirty-two-letters';
const asAdmin = { Authorization: `Bearer ${adminKey}` };

describe('GET /api/operator-log', () => {
  const service = useService();
  // biome-ignore lint/suspicious/noExplicitAny: entries are compared as JSON.
  type Entry = any;
  const entries = async (): Promise<Entry[]> =>
    (await service.client.get('/api/operator-log?limit=1000')).json.entries;
  const entriesOf = async (name: string) =>
    (await entries()).filter((entry) => entry.coupon_name === name);

  it('the log of a new service is empty', async () => {
    const answer = await service.client.get('/api/operator-log');
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({ entries: [], next_cursor: null });
    expectApiHeaders(answer);
  });

  it('the log has an entry for each creation, change, archiving and addition of stock, the newest first', async () => {
    const name = await service.createCoupon({ closes_at: '2999-01-01T00:00:00.25Z' });
    await service.client.patch(pathOf(name), { paused: true, opens_at: '2020-01-01T00:00:00Z' });
    await service.mustClaim(await service.createCoupon());
    await service.client.post(pathOf(name, 'stock'), { add: 5 });
    await service.client.patch(pathOf(name), { archived: true });
    await service.client.patch(pathOf(name), { paused: false });
    await service.client.patch(pathOf(name), { archived: false });
    const created = {
      ...{ amount: 10, remaining_amount: 10, opens_at: null, closes_at: '2999-01-01T00:00:00.25Z' },
      ...{ paused: false, archived: false, ...membersLeftOut },
    };
    const changed = { ...created, paused: true, opens_at: '2020-01-01T00:00:00Z' };
    const added = { ...changed, amount: 15, remaining_amount: 15 };
    const archived = { ...added, archived: true };
    const resumed = { ...archived, paused: false };
    const entry = (action: string, before: object | null, after: object) => ({
      ...{
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        at: expect.stringMatching(/^20.*\.\d{6}Z$/),
      },
      ...{ actor: 'anonymous', action, coupon_name: name, before, after, reason: null },
      request_id: expect.stringMatching(/^[\w-]+$/),
    });
    const found = await entriesOf(name);
    expect(found).toEqual([
      entry('unarchive_coupon', resumed, { ...resumed, archived: false }),
      entry('change_coupon', archived, resumed),
      entry('archive_coupon', added, archived),
      entry('add_stock', changed, added),
      entry('change_coupon', created, changed),
      entry('create_coupon', null, created),
    ]);
    const times = found.map(({ at }) => at);
    expect(times).toEqual(times.toSorted().toReversed());
    expect(new Set(found.map(({ request_id }) => request_id)).size).toBe(6);
  });

  it('calls that are refused, repeated or change nothing are not logged', async () => {
    const name = await service.createCoupon({ amount: 1 });
    await service.client.post('/api/coupons', { name, amount: 5 });
    await service.client.patch(pathOf(name), { paused: false });
    await service.client.patch(pathOf(name), { pausd: true });
    await service.client.patch(pathOf(newName()), { paused: true });
    await service.client.patch(pathOf(name), { opens_at: '2999-01-01T00:00:00Z' });
    await service.client.patch(pathOf(name), { closes_at: '2998-01-01T00:00:00Z' });
    const stock = pathOf(name, 'stock');
    const key = { 'Idempotency-Key': 'more' };
    for (const add of [2, 2, 3]) await service.client.post(stock, { add }, key);
    await service.client.post(stock, { add: 2_147_483_647 });
    await service.client.patch(pathOf(name), { archived: true });
    await service.client.patch(pathOf(name), { archived: true });
    expect((await entriesOf(name)).map(({ action }) => action)).toEqual([
      ...['archive_coupon', 'add_stock', 'change_coupon', 'create_coupon'],
    ]);
  });

  it('an addition to a sold out coupon is logged once, although it is announced first', async () => {
    const name = await service.createCoupon({ amount: 1 });
    await service.mustClaim(name);
    await service.client.post(pathOf(name, 'stock'), { add: 1 });
    expect(await entriesOf(name)).toMatchObject([
      { action: 'add_stock', before: { remaining_amount: 0 }, after: { remaining_amount: 1 } },
      { action: 'create_coupon' },
    ]);
  });

  it('pages of any size list every entry once', async () => {
    for (let count = 0; count < 5; count += 1) await service.createCoupon();
    const all = await entries();
    for (const limit of [1, 3, all.length, 1000]) {
      const found = [];
      let pages = 0;
      for (let next: string | undefined = `/api/operator-log?limit=${limit}`; next; pages += 1) {
        const page = await service.client.get(next);
        expect(page.status, page.text).toBe(200);
        found.push(...page.json.entries);
        next = /^<([^>]+)>; rel="next"$/.exec(String(page.headers.link ?? ''))?.[1];
      }
      expect(found).toEqual(all);
      expect(pages).toBe(Math.ceil(all.length / limit));
    }
  });

  it.each([
    ['limit=0', 'limit', 'must be a whole number from 1 to 1000'],
    ['cursor=1', 'cursor', 'must be the next_cursor of the page before'],
    ['cursor=1-2', 'cursor', 'must be the next_cursor of the page before'],
    ['next_cursor=1', 'next_cursor', 'is unknown; send it as `cursor`'],
    ['actor=admin', 'actor', 'is an unknown query parameter; this call takes limit, cursor'],
  ])('the operator log with ?%s is refused', async (query, field, message) => {
    const answer = await service.client.get(`/api/operator-log?${query}`);
    expectInvalid(answer, field);
    expect(answer.json.errors).toEqual([{ field, message }]);
  });
});

describe('GET /api/operator-log of a service with a key', () => {
  const service = useService({ ADMIN_API_KEY: adminKey, ADMIN_API_KEY_NEXT: nextKey });

  it('the actor of a call with the admin key is admin', async () => {
    const admin = clientOf(service.client.url, asAdmin);
    const name = newName();
    const created = await admin.post('/api/coupons', { name, amount: 1 });
    expect(created.status, created.text).toBe(201);
    const { entries } = (await admin.get('/api/operator-log')).json;
    expect(entries).toMatchObject([{ actor: 'admin', coupon_name: name }]);
    admin.close();
  });

  it('the actor of a call with the next admin key is admin-next', async () => {
    const asNext = { Authorization: `Bearer ${nextKey}` };
    const body = { name: newName(), amount: 1 };
    expect((await service.client.post('/api/coupons', body, asNext)).status).toBe(201);
    const [newest] = (await service.client.get('/api/operator-log?limit=1', asAdmin)).json.entries;
    expect(newest).toMatchObject({ actor: 'admin-next', coupon_name: body.name });
  });

  it('a refused call without the key is not logged', async () => {
    const name = newName();
    expectProblem(await service.client.post('/api/coupons', { name, amount: 1 }), 'unauthorized');
    const { entries } = (await service.client.get('/api/operator-log', asAdmin)).json;
    expect(entries).not.toContainEqual(expect.objectContaining({ coupon_name: name }));
  });
});
