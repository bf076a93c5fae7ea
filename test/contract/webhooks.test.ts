// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { eventTypes } from '../../src/core/events/ports.ts';
import { expectApiHeaders, expectInvalid, expectProblem } from '../support/contract-problems.ts';
import { newName, pathOf, useService } from '../support/contract-service.ts';
import { createWebhook } from '../support/webhooks.ts';

const url = 'https://shop.example/events';
const unknownIds = ['01947a5c-3e2f-7d10-8b6a-5f0c1d2e3f40', 'no-uuid', '%E2%82%AC'];

describe('POST /api/webhooks', () => {
  const service = useService();
  const create = (fields: object = {}, key?: string) =>
    service.client.post(
      '/api/webhooks',
      { url, events: ['claim.confirmed'], ...fields },
      key === undefined ? {} : { 'Idempotency-Key': key },
    );

  it('a new webhook is 201 with its place and a secret of Standard Webhooks', async () => {
    const answer = await create({ events: ['coupon.closed', 'claim.reserved'] });
    expect(answer.status, answer.text).toBe(201);
    const { id } = answer.json;
    expect(answer.json).toEqual({
      ...{ message: 'webhook created', id: expect.stringMatching(/^[0-9a-f-]{36}$/), url },
      ...{ events: ['claim.reserved', 'coupon.closed'], coupon_name: null },
      created_at: expect.stringMatching(/^20\d\d-.*\.\d{6}Z$/),
      ...{ disabled_at: null, disabled_reason: null },
      secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
    });
    expect(answer.headers.location).toBe(`/api/webhooks/${id}`);
    expect(answer.headers).not.toHaveProperty('idempotency-replayed');
    expectApiHeaders(answer);
  });

  it('each webhook has another secret', async () => {
    const secrets = [(await create()).json.secret, (await create()).json.secret];
    expect(new Set(secrets).size).toBe(2);
  });

  it('a webhook can be for the events of one coupon', async () => {
    const coupon = await service.createCoupon();
    expect((await create({ coupon_name: coupon })).json.coupon_name).toBe(coupon);
  });

  it('a webhook for an unknown coupon is 404, and nothing is stored', async () => {
    const before = await service.storedCounts();
    expectProblem(await create({ coupon_name: newName() }), 'coupon_not_found');
    expect(await service.storedCounts()).toEqual(before);
  });

  it('a repeat with the same key returns the webhook without its secret', async () => {
    const coupon = await service.createCoupon();
    const fields = { events: ['claim.released', 'claim.redeemed'], coupon_name: coupon };
    const { secret, ...first } = (await create(fields, 'again')).json;
    expect(secret).toMatch(/^whsec_/);
    const before = await service.storedCounts();
    for (const events of [fields.events, fields.events.toReversed()]) {
      const repeat = await create({ ...fields, events }, 'again');
      expect(repeat.status).toBe(201);
      expect(repeat.headers['idempotency-replayed']).toBe('true');
      expect(repeat.json).toEqual(first);
    }
    expect(await service.storedCounts()).toEqual(before);
  });

  it('simultaneous calls with one key create one webhook, and one of them gets the secret', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => create({}, 'at once')));
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(201));
    expect(new Set(answers.map(({ json }) => json.id)).size).toBe(1);
    expect(answers.filter(({ json }) => json.secret !== undefined).length).toBe(1);
  });

  it('the same key with another body is 422, and nothing is stored', async () => {
    const coupon = await service.createCoupon();
    await create({ coupon_name: coupon }, 'taken');
    for (const other of [
      { coupon_name: coupon, url: `${url}/other` },
      { coupon_name: coupon, events: ['claim.confirmed', 'claim.redeemed'] },
      {},
      { coupon_name: await service.createCoupon() },
      { coupon_name: newName() },
    ]) {
      const counts = await service.storedCounts();
      expectProblem(await create(other, 'taken'), 'idempotency_key_reused');
      expect(await service.storedCounts()).toEqual(counts);
    }
  });

  it('a key of added stock is not the key of a webhook', async () => {
    const coupon = await service.createCoupon();
    const key = { 'Idempotency-Key': 'shared' };
    await service.client.post(pathOf(coupon, 'stock'), { add: 1 }, key);
    const answer = await create({}, 'shared');
    expect(answer.json.secret).toMatch(/^whsec_/);
  });

  it.each([
    ['http://shop.example/', 'must begin with https://'],
    ['ftp://shop.example/', 'must begin with https://'],
    ['shop', 'must be a URL'],
    ['https://127.0.0.1/', 'must have a public address'],
    ['https://[::ffff:10.0.0.1]/', 'must have a public address'],
    ['https://0x7f.1/', 'must have a public address'],
    ['https://user:secret@shop.example/', 'must have no user and no password'],
    ['https://shop.example:25/', expect.stringContaining('must have a port that the service')],
    [
      'https://shop.example/a b',
      'must be a URL of 1 to 2048 characters without spaces and control characters',
    ],
  ])('a webhook to %s is refused', async (url, message) => {
    const answer = await create({ url });
    expectInvalid(answer, 'url');
    expect(answer.json.errors).toEqual([{ field: 'url', message }]);
  });

  it.each([
    ['no event', { events: [] }, 'events'],
    ['an unknown event', { events: ['claim.claimed'] }, 'events'],
    ['an event twice', { events: ['claim.confirmed', 'claim.confirmed'] }, 'events'],
    ['a text for events', { events: 'claim.confirmed' }, 'events'],
    ['no URL', { url: undefined }, 'url'],
    ['a URL that is too long', { url: `https://shop.example/${'x'.repeat(2048)}` }, 'url'],
    ['a number for a coupon', { coupon_name: 1 }, 'coupon_name'],
    ['a secret of its own', { secret: 'whsec_abc' }, 'secret'],
    ['the key as a member', { idempotency_key: 'k' }, 'idempotency_key'],
  ])('a webhook with %s is refused', async (_what, fields, field) => {
    expectInvalid(await create(fields), field);
  });

  it('more than a hundred webhooks are refused', async () => {
    const [{ count = 0 } = {}] = await service.database.query<{ count: number }>(
      'select count(*)::integer as count from webhooks',
    );
    for (let more = count; more < 100; more += 1) await createWebhook(service.database);
    expectInvalid(await create(), 'body');
    await service.database.query('delete from webhooks');
    expect((await create()).status).toBe(201);
  });
});

describe('GET and DELETE /api/webhooks', () => {
  const service = useService();
  const create = async (fields: object = {}) =>
    (await service.client.post('/api/webhooks', { url, events: eventTypes, ...fields })).json;
  const remove = (id: string) =>
    service.client.call({ method: 'DELETE', path: `/api/webhooks/${id}` });
  const relayStart = () => service.database.query('select started_at from event_relay');

  it('webhooks are listed in order of their creation, and read, without their secrets', async () => {
    expect((await service.client.get('/api/webhooks')).json).toEqual({ webhooks: [] });
    const made = [await create(), await create({ coupon_name: await service.createCoupon() })];
    const shown = made.map(({ message: _m, secret: _s, ...others }) => others);
    const list = await service.client.get('/api/webhooks');
    expect(list.json).toEqual({ webhooks: shown });
    expectApiHeaders(list);
    for (const webhook of shown) {
      const answer = await service.client.get(`/api/webhooks/${webhook.id}`);
      expect(answer.json).toEqual(webhook);
      expect(answer.text).not.toContain('whsec_');
    }
  });

  it('the list takes no query parameter', async () => {
    expectInvalid(await service.client.get('/api/webhooks?limit=1'), 'limit');
  });

  it.each(unknownIds)('every call of the webhook %s is 404', async (id) => {
    const path = `/api/webhooks/${id}`;
    expectProblem(await service.client.get(path), 'webhook_not_found');
    expectProblem(await remove(id), 'webhook_not_found');
    expectProblem(await service.client.get(`${path}/deliveries`), 'webhook_not_found');
    const period = { since: '2030-01-01T00:00:00Z', until: '2030-01-02T00:00:00Z' };
    for (const [call, body] of [
      ['enable', {}],
      ['rotate-secret', {}],
      ['test', {}],
      ['redeliver', period],
      ['redeliver', { event_id: 'evt_01234567_1_1_1' }],
    ] as const) {
      expectProblem(await service.client.post(`${path}/${call}`, body), 'webhook_not_found');
    }
    const head = await service.client.call({ method: 'HEAD', path: `${path}/deliveries` });
    expect(head.status).toBe(404);
  });

  it('a deleted webhook is gone with its deliveries, and the deletion of the last one ends the relay', async () => {
    await service.database.query('delete from webhooks');
    await service.database.query('delete from event_relay');
    const [first, second] = [await create(), await create()];
    const [start] = await relayStart();
    expect(start).toEqual({ started_at: expect.anything() });
    await service.database.query(
      `insert into webhook_deliveries (webhook_id, coupon_id, seq, n, type, state, due_at, recorded_at)
       select $1::uuid, 1, n, 1, 'coupon.opened', 'D', now(), now() from generate_series(1, 12000) n`,
      [first.id],
    );
    const answer = await remove(first.id);
    expect(answer.status, answer.text).toBe(204);
    expect(answer.text).toBe('');
    expectApiHeaders(answer);
    expectProblem(await remove(first.id), 'webhook_not_found');
    const left = await service.database.query(
      'select from webhook_deliveries where webhook_id = $1',
      [first.id],
    );
    expect(left).toEqual([]);
    expect((await service.client.get('/api/webhooks')).json.webhooks).toHaveLength(1);
    expect(await relayStart()).toEqual([start]);

    const path = `/api/webhooks/${second.id}`;
    const empty = { 'Content-Length': '0' };
    expect((await service.client.call({ method: 'DELETE', path, headers: empty })).status).toBe(
      204,
    );
    expect(await relayStart()).toEqual([]);
    await create();
    expect(await relayStart()).not.toEqual([start]);
  });
});

describe('POST /api/webhooks/{id}/rotate-secret and /test', () => {
  const service = useService();
  const create = async () =>
    (await service.client.post('/api/webhooks', { url, events: ['claim.redeemed'] })).json;
  const secretsOf = async (id: string) => {
    const rows = await service.database.query<{ secrets: string[] }>(
      'select secrets from webhooks where id = $1',
      [id],
    );
    return rows[0]?.secrets;
  };

  it('a new secret is shown once and signs beside the one before, but not beside an older one', async () => {
    const { id, secret: first, message: _, ...webhook } = await create();
    const rotate = () => service.client.post(`/api/webhooks/${id}/rotate-secret`, undefined);
    const answer = await rotate();
    expect(answer.status, answer.text).toBe(200);
    const second = answer.json.secret;
    expect(second).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(answer.json).toEqual({
      ...{ message: 'webhook secret rotated', id, ...webhook },
      secret: second,
    });
    expect(await secretsOf(id)).toEqual([second, first]);
    const third = (await rotate()).json.secret;
    expect(await secretsOf(id)).toEqual([third, second]);
    expect((await service.client.get(`/api/webhooks/${id}`)).text).not.toContain('whsec_');
  });

  it('enable, rotate-secret and test refuse a body with members', async () => {
    const { id } = await create();
    for (const call of ['enable', 'rotate-secret', 'test']) {
      const answer = await service.client.post(`/api/webhooks/${id}/${call}`, { secret: 'mine' });
      expectInvalid(answer, 'secret');
    }
  });

  it('a test returns why the receiver did not get the sample, and stores no delivery', async () => {
    const id = await createWebhook(service.database, { url: 'https://127.0.0.1/' });
    const answer = await service.client.post(`/api/webhooks/${id}/test`, undefined);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.json).toEqual({
      event_id: expect.stringMatching(/^evt_test_[0-9a-f-]{36}$/),
      ...{ delivered: false, status: null, error: 'the URL must have a public address' },
    });
    const stored = await service.database.query(
      'select from webhook_deliveries where webhook_id = $1',
      [id],
    );
    expect(stored).toEqual([]);
  });

  it('the operator log has each creation, rotation and deletion, and no secret', async () => {
    const coupon = await service.createCoupon();
    const body = { url, events: ['claim.redeemed'], coupon_name: coupon };
    const key = { 'Idempotency-Key': 'logged' };
    const { id } = (await service.client.post('/api/webhooks', body, key)).json;
    await service.client.post('/api/webhooks', body, key);
    await service.client.post('/api/webhooks', { ...body, coupon_name: 'other' }, key);
    await service.client.post(`/api/webhooks/${id}/rotate-secret`, undefined);
    await service.client.call({ method: 'DELETE', path: `/api/webhooks/${id}` });
    await service.client.call({ method: 'DELETE', path: `/api/webhooks/${id}` });
    const ofAll = await create();
    const { text, json } = await service.client.get('/api/operator-log');
    // biome-ignore lint/suspicious/noExplicitAny: entries are compared as JSON.
    const found = json.entries.filter((one: any) => one.action.includes('webhook'));
    const one = { webhook_id: id, url, events: ['claim.redeemed'], secret_count: 1 };
    const two = { ...one, secret_count: 2 };
    const entry = (action: string, before: object | null, after: object | null) =>
      expect.objectContaining({ action, actor: 'anonymous', coupon_name: coupon, before, after });
    expect(found.slice(0, 4)).toEqual([
      expect.objectContaining({
        ...{ action: 'create_webhook', coupon_name: null, before: null },
        after: { ...one, webhook_id: ofAll.id },
      }),
      entry('delete_webhook', two, null),
      entry('rotate_webhook_secret', one, two),
      entry('create_webhook', null, one),
    ]);
    expect(text).not.toContain('whsec_');
  });
});
