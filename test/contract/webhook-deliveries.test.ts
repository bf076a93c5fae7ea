// SPDX-License-Identifier: GPL-3.0-or-later
/** What a receiver gets from a running service, and what the service says of it. */
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectInvalid } from '../support/contract-problems.ts';
import { until, useService } from '../support/contract-service.ts';
import { type Receiver, startReceiver } from '../support/receivers.ts';

const env: Record<string, string> = { WEBHOOK_ALLOW_HTTP: 'true' };
let receiver: Receiver;
const statuses = new Map<string, number>();

// Answers each request with the status of its path. The service needs the port, so this hook comes before its own.
beforeAll(async () => {
  receiver = await startReceiver((response, { path }) => {
    response.writeHead(statuses.get(path) ?? 500).end();
  });
  env.WEBHOOK_ALLOWED_RECEIVERS = `127.0.0.1:${receiver.port}`;
});
const service = useService(env);
afterAll(() => receiver.close());

let pathCount = 0;

/** A webhook for the claims of a new coupon, whose receiver answers with the status. */
async function aWebhook(status: number) {
  const coupon = await service.createCoupon();
  pathCount += 1;
  const path = `/${pathCount}`;
  const answer = (next: number) => statuses.set(path, next);
  answer(status);
  const made = await service.client.post('/api/webhooks', {
    ...{
      url: `http://127.0.0.1:${receiver.port}${path}`,
      events: ['claim.confirmed'],
      coupon_name: coupon,
    },
  });
  expect(made.status, made.text).toBe(201);
  const { id, secret } = made.json as { id: string; secret: string };
  const call = (name: string, body?: object) =>
    service.client.post(`/api/webhooks/${id}/${name}`, body);
  // biome-ignore lint/suspicious/noExplicitAny: deliveries are compared as JSON.
  const list = async (): Promise<any[]> =>
    (await service.client.get(`/api/webhooks/${id}/deliveries`)).json.deliveries;
  const requests = () =>
    receiver.received
      .filter((one) => one.path === path)
      .map(({ headers, body }) => ({ headers: headers as Record<string, string>, body }));
  return { id, secret, coupon, answer, call, list, requests };
}

/** Claims by these users, one after the other, and waits until their events have the state. */
async function claimAll(
  webhook: Awaited<ReturnType<typeof aWebhook>>,
  users: string[],
  state: string,
) {
  for (const user of users) await service.mustClaim(webhook.coupon, { user });
  return until(
    webhook.list,
    (found) => found.filter((one) => one.state === state).length >= users.length,
  );
}

const time = expect.stringMatching(/^20\d\d-.*\.\d{6}Z$/);

describe('GET /api/webhooks/{id}/deliveries', () => {
  it('delivered events are listed, the newest first, with the status of their receiver', async () => {
    const webhook = await aWebhook(204);
    expect(await webhook.list()).toEqual([]);
    const found = await claimAll(webhook, ['ada', 'bob', 'cyd'], 'delivered');
    expect(found).toEqual(
      Array(3).fill({
        ...{ event_id: expect.stringMatching(/^evt_[0-9a-f]{8}(?:_\d+){3}$/), timestamp: time },
        ...{ type: 'claim.confirmed', state: 'delivered', attempts: 1, last_attempt_at: time },
        ...{ last_status: 204, last_error: null, next_attempt_at: null },
      }),
    );
    const bodies = webhook.requests().map(({ body }) => JSON.parse(body));
    const users = found.map(
      ({ event_id }) => bodies.find(({ id }) => id === event_id).data.user_id,
    );
    expect(users).toEqual(['cyd', 'bob', 'ada']);
    for (const { headers, body } of webhook.requests()) {
      expect(new Webhook(webhook.secret).verify(body, headers)).toEqual(JSON.parse(body));
      expect(headers['webhook-id']).toBe(JSON.parse(body).id);
    }
  });

  it('an event that was refused is pending, with the reason and the time of the next attempt', async () => {
    const webhook = await aWebhook(500);
    await service.mustClaim(webhook.coupon);
    const [delivery] = await until(webhook.list, ([first]) => first?.attempts > 0);
    expect(delivery).toMatchObject({
      ...{ state: 'pending', last_status: 500, last_error: 'the receiver answered 500' },
      ...{ last_attempt_at: time, next_attempt_at: time },
    });
  });

  it('pages of any size list every delivery once', async () => {
    const webhook = await aWebhook(200);
    const all = await claimAll(webhook, ['ada', 'bob', 'cyd', 'dan', 'eve'], 'delivered');
    for (const limit of [1, 2, 5, 1000]) {
      const found = [];
      let pages = 0;
      const first = `/api/webhooks/${webhook.id}/deliveries?limit=${limit}`;
      for (let next: string | undefined = first; next; pages += 1) {
        const page = await service.client.get(next);
        expect(page.status, page.text).toBe(200);
        found.push(...page.json.deliveries);
        next = /^<([^>]+)>; rel="next"$/.exec(String(page.headers.link ?? ''))?.[1];
      }
      expect(found).toEqual(all);
      expect(pages).toBe(Math.ceil(all.length / limit));
    }
  });

  it.each([
    ['limit=0', 'limit'],
    ['cursor=1', 'cursor'],
    ['cursor=1-2-3-x', 'cursor'],
    ['next_cursor=1', 'next_cursor'],
    ['state=pending', 'state'],
  ])('the deliveries with ?%s are refused', async (query, field) => {
    const { id } = await aWebhook(200);
    expectInvalid(await service.client.get(`/api/webhooks/${id}/deliveries?${query}`), field);
  });
});

describe('POST /api/webhooks/{id}/redeliver', () => {
  it('one event is sent again, under its id', async () => {
    const webhook = await aWebhook(204);
    const [, bob] = await claimAll(webhook, ['ada', 'bob', 'cyd'], 'delivered');
    const answer = await webhook.call('redeliver', { event_id: bob.event_id });
    expect(answer.status, answer.text).toBe(202);
    expect(answer.json).toEqual({ message: 'events are sent again', events: 1 });
    await until(
      async () => webhook.requests().length,
      (count) => count >= 4,
    );
    const last = webhook.requests().at(-1);
    expect(last?.headers['webhook-id']).toBe(bob.event_id);
    expect(JSON.parse(last?.body ?? '').data.user_id).toBe('bob');
    const after = await until(webhook.list, (all) =>
      all.every(({ state }) => state === 'delivered'),
    );
    expect(after.map(({ event_id, attempts }) => [event_id, attempts])).toEqual(
      after.map(({ event_id }) => [event_id, 1]),
    );
  });

  it('the events from since on and before until are sent again', async () => {
    const webhook = await aWebhook(204);
    const all = await claimAll(webhook, ['ada', 'bob', 'cyd', 'dan'], 'delivered');
    const [dan, cyd, bob] = all;
    const period = { since: bob.timestamp, until: dan.timestamp };
    const answer = await webhook.call('redeliver', period);
    expect(answer.json).toMatchObject({ events: 2 });
    await until(
      async () => webhook.requests().length,
      (count) => count >= 6,
    );
    const again = webhook.requests().slice(4);
    expect(new Set(again.map(({ headers }) => headers['webhook-id']))).toEqual(
      new Set([bob.event_id, cyd.event_id]),
    );
    const empty = { since: '2020-01-01T00:00:00Z', until: '2020-01-01t01:00:00+01:00' };
    expectInvalid(await webhook.call('redeliver', empty), 'until');
    const early = await webhook.call('redeliver', { ...empty, until: '2020-01-02T00:00:00Z' });
    expect([early.status, early.json.events]).toEqual([202, 0]);
  });

  it('a receiver that is left alone for a while is tried at once', async () => {
    const webhook = await aWebhook(204);
    const [event] = await claimAll(webhook, ['ada'], 'delivered');
    await service.database.query(`update webhooks set waits_until = 'infinity' where id = $1`, [
      webhook.id,
    ]);
    await webhook.call('redeliver', { event_id: event.event_id });
    await until(
      async () => webhook.requests().length,
      (count) => count >= 2,
    );
  });

  it('an event that the webhook was not to get is refused', async () => {
    const [one, other] = [await aWebhook(204), await aWebhook(204)];
    const [event] = await claimAll(one, ['ada'], 'delivered');
    const id: string = event.event_id;
    for (const unknown of [
      id.replace(/\d+$/, '9'),
      id.replace(/^evt_./, id.startsWith('evt_0') ? 'evt_1' : 'evt_0'),
      `${id}0000000000`,
      `evt_test_${one.id}`,
      'x',
    ]) {
      expectInvalid(await one.call('redeliver', { event_id: unknown }), 'event_id');
    }
    expectInvalid(await other.call('redeliver', { event_id: id }), 'event_id');
  });

  it.each([
    [{}, 'body'],
    [{ since: '2030-01-01T00:00:00Z' }, 'body'],
    [{ until: '2030-01-01T00:00:00Z' }, 'body'],
    [{ event_id: 'x', since: '2030-01-01T00:00:00Z' }, 'body'],
    [{ since: '2030-01-01T00:00:00Z', until: '2030-01-01T00:00:00Z' }, 'until'],
    [{ since: 'yesterday', until: '2030-01-01T00:00:00Z' }, 'since'],
    [{ since: '2030-01-01T00:00:00Z', until: '2030-01-01T23:59:60Z' }, 'until'],
    [{ event_id: 1 }, 'event_id'],
    [{ event: 'x' }, 'event'],
  ])('the body %j is refused', async (body, field) => {
    const { call } = await aWebhook(204);
    expectInvalid(await call('redeliver', body), field);
  });

  it('a body that chooses no events is refused with what it must have', async () => {
    const { call } = await aWebhook(204);
    const message = 'must have either event_id, or since and until';
    for (const body of [{}, { since: '2030-01-01T00:00:00Z' }]) {
      const { json } = await call('redeliver', body);
      expect(json.errors).toEqual([{ field: 'body', message }]);
    }
  });

  it('a receiver that answers 410 gets nothing more, also not on request', async () => {
    const webhook = await aWebhook(410);
    const [event] = await claimAll(webhook, ['ada'], 'given_up');
    expect(event).toMatchObject({ last_status: 410, next_attempt_at: null });
    const { json } = await service.client.get(`/api/webhooks/${webhook.id}`);
    expect(json).toMatchObject({ disabled_at: time, disabled_reason: 'the receiver answered 410' });
    expectInvalid(await webhook.call('redeliver', { event_id: event.event_id }), 'id');
  });
});

describe('POST /api/webhooks/{id}/enable', () => {
  it('a webhook whose receiver answered 410 gets what happens after it was enabled, and nothing else', async () => {
    const webhook = await aWebhook(410);
    await claimAll(webhook, ['ada'], 'given_up');
    webhook.answer(204);
    await service.mustClaim(webhook.coupon, { user: 'bob' });
    const enabled = await webhook.call('enable');
    expect(enabled.status, enabled.text).toBe(200);
    expect(enabled.json).toMatchObject({
      ...{ id: webhook.id, disabled_at: null, disabled_reason: null },
    });
    const read = await service.client.get(`/api/webhooks/${webhook.id}`);
    expect(read.json).toEqual(enabled.json);
    await service.mustClaim(webhook.coupon, { user: 'cyd' });
    const found = await until(webhook.list, ([newest]) => newest?.state === 'delivered');
    expect(found.map(({ state }) => state)).toEqual(['delivered', 'given_up']);
    const users = webhook.requests().map(({ body }) => JSON.parse(body).data.user_id);
    expect(users).toEqual(['ada', 'cyd']);
  });

  it('what was given up can be redelivered once the webhook is enabled', async () => {
    const webhook = await aWebhook(410);
    const [event] = await claimAll(webhook, ['ada'], 'given_up');
    webhook.answer(204);
    await webhook.call('enable');
    const redelivered = await webhook.call('redeliver', { event_id: event.event_id });
    expect(redelivered.status, redelivered.text).toBe(202);
    await until(webhook.list, ([first]) => first?.state === 'delivered');
  });

  it('the operator log says who enabled a webhook and why it was disabled; an active one stays as it is', async () => {
    const webhook = await aWebhook(410);
    await claimAll(webhook, ['ada'], 'given_up');
    for (const _ of [1, 2]) expect((await webhook.call('enable')).status).toBe(200);
    const { json } = await service.client.get('/api/operator-log');
    const logged = json.entries.filter(
      // biome-ignore lint/suspicious/noExplicitAny: entries are compared as JSON.
      ({ action, after }: any) => action === 'enable_webhook' && after.webhook_id === webhook.id,
    );
    expect(logged).toEqual([
      expect.objectContaining({
        ...{ actor: 'anonymous', coupon_name: webhook.coupon },
        before: expect.objectContaining({ disabled_reason: 'the receiver answered 410' }),
        after: expect.not.objectContaining({ disabled_reason: expect.anything() }),
      }),
    ]);
  });
});

describe('POST /api/webhooks/{id}/test', () => {
  it('the receiver gets one signed sample, and the call returns its status', async () => {
    const webhook = await aWebhook(204);
    const answer = await webhook.call('test');
    expect(answer.status, answer.text).toBe(200);
    const [request, ...others] = webhook.requests();
    expect(others).toEqual([]);
    const sample = JSON.parse(request?.body ?? '');
    expect(answer.json).toEqual({
      ...{ event_id: sample.id, delivered: true, status: 204, error: null },
    });
    expect(sample).toEqual({
      ...{ id: expect.stringMatching(/^evt_test_/), type: 'claim.confirmed', timestamp: time },
      data: {
        ...{ claim_id: expect.any(String), coupon_name: webhook.coupon, user_id: 'test' },
        ...{ position: 1, claimed_at: sample.timestamp, state: 'confirmed' },
      },
    });
    expect(await webhook.list()).toEqual([]);
  });

  it('after a rotation both secrets sign, and after another one the first does not', async () => {
    const webhook = await aWebhook(204);
    const rotate = async () => (await webhook.call('rotate-secret')).json.secret as string;
    const signs = async (secret: string) => {
      await webhook.call('test');
      const { headers = {}, body = '' } = webhook.requests().at(-1) ?? {};
      try {
        new Webhook(secret).verify(body, headers);
        return true;
      } catch {
        return false;
      }
    };
    const second = await rotate();
    expect([await signs(webhook.secret), await signs(second)]).toEqual([true, true]);
    const third = await rotate();
    const secrets = [webhook.secret, second, third];
    expect(await Promise.all(secrets.map(signs))).toEqual([false, true, true]);
  });

  it.each([301, 404, 500])('a receiver that answers %d has not got the sample', async (status) => {
    const { call } = await aWebhook(status);
    expect((await call('test')).json).toMatchObject({
      ...{ delivered: false, status, error: `the receiver answered ${status}` },
    });
  });
});
