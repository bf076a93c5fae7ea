// SPDX-License-Identifier: GPL-3.0-or-later
/** The routes of sagas, before use cases that a test scripts. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../../core/errors.ts';
import type { Saga } from '../../../core/sagas/saga.ts';
import type { HttpDependencies } from '../route.ts';
import { createHttpServer, type HttpServer } from '../server.ts';

const options = {
  ...{ headersTimeoutMs: 60_000, requestTimeoutMs: 60_000, keepAliveTimeoutMs: 60_000 },
  ...{ connectionsMax: 100, headerBytesMax: 16_384, loopbackOnly: true },
  ...{ allowedHosts: [], corsOrigins: [] },
  apiKeys: () => ({
    ...{ adminApiKey: 'the-admin-key', claimApiKey: 'the-claim-key' },
    viewerApiKey: 'the-viewer-key',
  }),
};

const unused = () => Promise.reject(new Error('this test does not use it'));
const sagaId = '01947a5c-3e2f-8d10-8b6a-5f0c1d2e3f40';
const claimId = '01947a5c-3e2f-7d10-8b6a-5f0c1d2e3f40';

const saga: Saga = {
  ...{ sagaId, name: 'checkout', version: '0123456789abcdef', state: 'needs_attention' },
  ...{ couponName: 'LAUNCH', claimId, userId: 'ada', position: 3 },
  startedAt: '2030-01-31T18:00:00.000000Z',
  deadlineAt: '2030-01-31T18:10:00.000000Z',
  ...{ endedAt: null, nextAttemptAt: null, cause: 'the undo of step authorize has failed' },
  steps: [
    {
      ...{ name: 'authorize', participant: 'payment', state: 'unknown', attempts: 10 },
      ...{ lastStatus: 503, lastError: 'the answer was 503' },
      changedAt: '2030-01-31T18:01:00.000000Z',
    },
    {
      ...{ name: 'capture', participant: 'payment', state: 'pending', attempts: 0 },
      ...{ lastStatus: null, lastError: null, changedAt: null },
    },
  ],
};
const { steps: _, ...withoutSteps } = saga;

const summaryBody = {
  ...{ saga_id: sagaId, saga: 'checkout', version: '0123456789abcdef', state: 'needs_attention' },
  ...{ coupon_name: 'LAUNCH', claim_id: claimId, user_id: 'ada', position: 3 },
  ...{ started_at: saga.startedAt, deadline_at: saga.deadlineAt },
  ...{ ended_at: null, next_attempt_at: null, cause: saga.cause },
};
const body = {
  ...summaryBody,
  steps: [
    {
      ...{ name: 'authorize', participant: 'payment', state: 'unknown', attempts: 10 },
      ...{ last_status: 503, last_error: 'the answer was 503' },
      changed_at: '2030-01-31T18:01:00.000000Z',
    },
    {
      ...{ name: 'capture', participant: 'payment', state: 'pending', attempts: 0 },
      ...{ last_status: null, last_error: null, changed_at: null },
    },
  ],
};

let calls: unknown[] = [];
let answer: () => unknown = () => saga;
let logged: unknown[] = [];
const answers =
  (name: string) =>
  async (...given: unknown[]) => {
    calls.push([name, ...given]);
    return answer() as never;
  };

const dependencies: HttpDependencies = {
  readSagas: { list: answers('list'), read: answers('read') },
  ...{ retrySaga: answers('retry'), resolveSaga: answers('resolve') },
  ...{ claimCoupon: unused, newClaimId: () => '', claimRefused: () => undefined },
  readCoupons: { read: unused, assertExists: unused, list: unused },
  ...{ createCoupon: unused, changeCoupon: unused, addStock: unused, changeClaim: unused },
  readClaims: { find: unused, list: unused, exportAll: unused, listOfUser: unused },
  readOperatorLog: unused,
  lostHistory: { read: unused, accept: unused },
  readWebhooks: { list: unused, read: unused, listDeliveries: unused },
  ...{ createWebhook: unused, deleteWebhook: unused, rotateWebhookSecret: unused },
  ...{ redeliverEvents: unused, testWebhook: unused, enableWebhook: unused },
  checkHealth: unused,
  healthFacts: { version: '1.2.3', database: 'external', anonymousAdmin: false },
  ...{ metricsText: unused, metricsType: 'text/plain', callAnswered: () => undefined },
  ...{ claimsArrived: () => undefined },
  log: {
    error: () => undefined,
    warn: () => undefined,
    info: (event, message) => logged.push([event, message]),
  },
};

let server: HttpServer;

beforeAll(async () => {
  server = await createHttpServer(options, dependencies);
});
afterAll(() => server.app.close());
beforeEach(() => {
  [calls, logged] = [[], []];
  answer = () => saga;
});

async function send(
  method: 'GET' | 'HEAD' | 'POST',
  path: string,
  { key = 'admin', body }: { key?: string; body?: object | string } = {},
) {
  const response = await server.app.inject({
    ...{ method, url: path },
    headers: { host: '127.0.0.1', authorization: `Bearer the-${key}-key` },
    ...(body !== undefined && { payload: body }),
  });
  const { statusCode: status, headers, payload } = response;
  return { status, headers, body: payload === '' ? undefined : response.json() };
}

const by = { actor: 'admin', requestId: expect.any(String) };

describe('GET /api/sagas', () => {
  beforeEach(() => {
    answer = () => ({ sagas: [withoutSteps], next: null });
  });

  it('lists sagas without their steps', async () => {
    const { status, headers, body } = await send('GET', '/api/sagas');
    expect({ status, body }).toEqual({
      ...{ status: 200, body: { sagas: [summaryBody], next_cursor: null } },
    });
    expect(headers).not.toHaveProperty('link');
    expect(calls).toEqual([['list', { states: undefined, cursor: undefined, limit: 100 }]]);
  });

  it('takes one state or several, and links to the next page with the same ones', async () => {
    const next = `1893456000000000-${sagaId}`;
    answer = () => ({ sagas: [], next });
    const { headers, body } = await send(
      'GET',
      `/api/sagas?state=running&state=needs_attention&limit=7&cursor=${next}`,
    );
    const states = ['running', 'needs_attention'];
    expect(calls).toEqual([['list', { states, cursor: next, limit: 7 }]]);
    expect(body.next_cursor).toBe(next);
    expect(headers.link).toBe(
      `</api/sagas?limit=7&cursor=${next}&state=running&state=needs_attention>; rel="next"`,
    );
    await send('GET', '/api/sagas?state=done');
    expect(calls[1]).toMatchObject(['list', { states: ['done'] }]);
  });

  it.each([
    ['state=ended', 'state', 'must be one of running, compensating, needs_attention, done, '],
    ['state=running&state=x', 'state', 'must be one of running, '],
    ['limit=0', 'limit', 'must be a whole number from 1 to 1000'],
    ['cursor=1', 'cursor', 'must be the next_cursor of the page before'],
    ['states=done', 'states', 'did you mean `state`?'],
    ['next_cursor=1', 'next_cursor', 'is unknown; send it as `cursor`'],
  ])('refuses %s', async (query, field, message) => {
    expect(await send('GET', `/api/sagas?${query}`)).toMatchObject({
      status: 400,
      body: {
        code: 'invalid_request',
        errors: [{ field, message: expect.stringContaining(message) }],
      },
    });
    expect(calls).toEqual([]);
  });
});

describe('GET /api/sagas/{id}', () => {
  it('shows the saga with what became of each step', async () => {
    const read = await send('GET', `/api/sagas/${sagaId}`, { key: 'viewer' });
    expect(read).toMatchObject({ status: 200 });
    expect(read.body).toEqual(body);
    expect(calls).toEqual([['read', sagaId]]);
  });

  it('refuses a query parameter', async () => {
    expect(await send('GET', `/api/sagas/${sagaId}?steps=true`)).toMatchObject({ status: 400 });
    expect(calls).toEqual([]);
  });

  it('answers 404 for what is no saga', async () => {
    answer = () => {
      throw new AppError('saga_not_found', { detail: 'there is no saga with this id' });
    };
    for (const id of [sagaId, 'no-uuid', '%E2%82%AC']) {
      expect(await send('GET', `/api/sagas/${id}`)).toMatchObject({
        ...{ status: 404, body: { code: 'saga_not_found', error: 'saga not found' } },
      });
    }
  });
});

describe('POST /api/sagas/{id}/retry', () => {
  it('lets the saga go on, and answers 202 with it', async () => {
    const moved: Saga = { ...saga, state: 'compensating', cause: null };
    answer = () => moved;
    for (const sent of [undefined, '', {}]) {
      const retried = await send('POST', `/api/sagas/${sagaId}/retry`, {
        ...(sent !== undefined && { body: sent }),
      });
      expect(retried).toMatchObject({ status: 202 });
      expect(retried.body).toEqual({
        ...{ message: 'saga retried', ...body, state: 'compensating', cause: null },
      });
    }
    expect(calls[0]).toEqual(['retry', sagaId, by]);
    expect(logged[0]).toEqual([{ requestId: expect.any(String), saga: sagaId }, 'saga retried']);
  });

  it('refuses any member', async () => {
    const refused = await send('POST', `/api/sagas/${sagaId}/retry`, { body: { note: 'x' } });
    expect(refused).toMatchObject({ status: 400, body: { errors: [{ field: 'note' }] } });
    expect(calls).toEqual([]);
  });
});

describe('POST /api/sagas/{id}/resolve', () => {
  const resolve = (body: object | string) => send('POST', `/api/sagas/${sagaId}/resolve`, { body });

  it.each(['done', 'compensated'] as const)(
    'passes on that the saga is %s, and answers 202 with it',
    async (as) => {
      const note = 'captured by hand, receipt 4711';
      const resolved = await resolve({ as, note });
      expect(resolved).toMatchObject({ status: 202 });
      expect(resolved.body).toEqual({ message: 'saga resolved', ...body });
      expect(calls).toEqual([['resolve', sagaId, { as, note }, by]]);
      const event = { requestId: expect.any(String), saga: sagaId, as };
      expect(logged).toEqual([[event, 'saga resolved']]);
    },
  );

  it('takes a note of 1,000 characters, whatever their size', async () => {
    const note = '🎟'.repeat(1000);
    expect(await resolve({ as: 'done', note })).toMatchObject({ status: 202 });
    expect(calls).toMatchObject([['resolve', sagaId, { note }, by]]);
  });

  it.each([
    [{ note: 'x' }, 'as', 'is required'],
    [{ as: 'done' }, 'note', 'is required'],
    [{ as: 'running', note: 'x' }, 'as', 'must be done or compensated'],
    [{ as: 'done', note: '' }, 'note', 'is required'],
    [{ as: 'done', note: 'n'.repeat(1001) }, 'note', 'must be a text of 1 to 1000 characters'],
    [{ as: 'done', note: 'a\nb' }, 'note', 'without control characters'],
    [{ as: 'done', note: 5 }, 'note', 'must be a text'],
    [{ as: 'done', note: 'x', state: 'done' }, 'state', 'is unknown'],
    ['[]', 'body', 'must be a JSON object'],
  ])('refuses %j', async (sent, field, message) => {
    const refused = await resolve(sent);
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    const errors = refused.body.errors as { field: string; message: string }[];
    expect(errors.find((error) => error.field === field)?.message).toContain(message);
    expect(calls).toEqual([]);
  });
});

describe('the keys of the routes of sagas', () => {
  const change = { body: { as: 'done', note: 'x' } };

  it('let the viewer key read, and not change', async () => {
    answer = () => ({ ...saga, sagas: [], next: null });
    for (const path of ['/api/sagas', `/api/sagas/${sagaId}`]) {
      expect(await send('GET', path, { key: 'viewer' })).toMatchObject({ status: 200 });
      expect(await send('GET', path, { key: 'claim' })).toMatchObject({ status: 403 });
      expect(await send('GET', path, { key: 'no' })).toMatchObject({ status: 401 });
    }
    expect(calls).toHaveLength(2);
    for (const key of ['viewer', 'claim']) {
      const resolved = await send('POST', `/api/sagas/${sagaId}/resolve`, { ...change, key });
      expect(resolved).toMatchObject({ status: 403, body: { code: 'forbidden' } });
      const retried = await send('POST', `/api/sagas/${sagaId}/retry`, { key });
      expect(retried).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    }
    expect(calls).toHaveLength(2);
  });
});
