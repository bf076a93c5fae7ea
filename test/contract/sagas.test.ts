// SPDX-License-Identifier: GPL-3.0-or-later
/** Sagas as operators see them, and what their calls do. No process runs these sagas: SQL brings them into their states. */
import { beforeEach, describe, expect, it } from 'vitest';
import { expectApiHeaders, expectInvalid, expectProblem } from '../support/contract-problems.ts';
import { newName, useService } from '../support/contract-service.ts';
import { checkout, plantSagas } from '../support/sagas.ts';

const unknownIds = ['01947a5c-3e2f-8d10-8b6a-5f0c1d2e3f40', 'no-uuid', '%E2%82%AC'];
const time = expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
const service = useService();

beforeEach(async () => {
  await service.database.query('truncate sagas, saga_steps');
});

/** Plants a saga with its definition and its first step done, at its second step. */
async function plantSaga(set: string): Promise<string> {
  const { database } = service;
  await database.query(
    'insert into saga_definitions (name, version, definition) values ($1, $2, $3) on conflict do nothing',
    [checkout.name, checkout.version, JSON.stringify(checkout)],
  );
  const [sagaId = ''] = await plantSagas(database, newName('sale'), 1);
  await database.query(`update sagas set version = $2, step = 2, ${set} where saga_id = $1`, [
    ...[sagaId, checkout.version],
  ]);
  await database.query(
    `insert into saga_steps (saga_id, step, state, attempts, last_status, last_error, changed_at)
     values ($1, 1, 'D', 1, 200, null, now()), ($1, 2, 'Q', 10, null, 'no answer', now())`,
    [sagaId],
  );
  return sagaId;
}

const inAttention = () =>
  plantSaga(`state = 'A', attempts = 5, cause = 'no answer to the step points'`);
const read = async (id: string) => (await service.client.get(`/api/sagas/${id}`)).json;
const retry = (id: string, body?: unknown) => service.client.post(`/api/sagas/${id}/retry`, body);
const resolve = (id: string, body: unknown) =>
  service.client.post(`/api/sagas/${id}/resolve`, body);
const logged = async (id: string) => {
  const { json } = await service.client.get('/api/operator-log');
  return json.entries.filter(
    (entry: { after: { saga_id?: string } }) => entry.after.saga_id === id,
  );
};

describe('GET /api/sagas/{id}', () => {
  it('a saga is shown with its claim, its times and what became of each step', async () => {
    const id = await inAttention();
    const answer = await service.client.get(`/api/sagas/${id}`);
    expect(answer.status).toBe(200);
    expectApiHeaders(answer);
    expect(answer.json).toEqual({
      ...{ saga_id: id, saga: 'checkout', version: checkout.version, state: 'needs_attention' },
      ...{ coupon_name: expect.stringMatching(/^sale-/), user_id: 'user-1', position: 1 },
      claim_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      ...{ started_at: time, deadline_at: time, ended_at: null, next_attempt_at: null },
      cause: 'no answer to the step points',
      steps: [
        {
          ...{ name: 'authorize', participant: 'payment', state: 'done', attempts: 1 },
          ...{ last_status: 200, last_error: null, changed_at: time },
        },
        {
          ...{ name: 'points', participant: 'loyalty', state: 'unknown', attempts: 10 },
          ...{ last_status: null, last_error: 'no answer', changed_at: time },
        },
        {
          ...{ name: 'capture', participant: 'payment', state: 'pending', attempts: 0 },
          ...{ last_status: null, last_error: null, changed_at: null },
        },
      ],
    });
    const { claim_id: claimId } = answer.json;
    expect(id).toBe(`${claimId.slice(0, 14)}8${claimId.slice(15)}`);
  });

  it.each([
    [`state = 'R'`, 'running', true, false],
    [`state = 'C', is_undoing = true`, 'compensating', true, false],
    [`state = 'A'`, 'needs_attention', false, false],
    [`state = 'D', ended_at = now()`, 'done', false, true],
    [`state = 'X', ended_at = now(), is_undoing = true`, 'compensated', false, true],
  ])('a saga with %s is %s', async (set, state, isDue, hasEnded) => {
    const saga = await read(await plantSaga(set));
    expect(saga).toMatchObject({
      ...{ state, next_attempt_at: isDue ? time : null, ended_at: hasEnded ? time : null },
    });
  });

  it('a saga of which no step was called has no version and no steps', async () => {
    const [id = ''] = await plantSagas(service.database, newName(), 1);
    expect(await read(id)).toMatchObject({ state: 'running', version: null, steps: [] });
  });

  it.each(unknownIds)('the unknown saga %s is 404 in every call', async (id) => {
    const body = { as: 'done', note: 'x' };
    for (const answer of [
      await service.client.get(`/api/sagas/${id}`),
      ...[await retry(id), await resolve(id, body)],
    ]) {
      expectProblem(answer, 'saga_not_found');
    }
  });

  it('an unknown query parameter is refused', async () => {
    const id = await inAttention();
    expectInvalid(await service.client.get(`/api/sagas/${id}?steps=true`), 'steps');
  });
});

describe('GET /api/sagas', () => {
  const list = async (query = '') => {
    const answer = await service.client.get(`/api/sagas${query}`);
    expect(answer.status, answer.text).toBe(200);
    return answer;
  };
  /** The ids on all pages that follow from `query`. */
  async function allIds(query: string): Promise<string[]> {
    const ids: string[] = [];
    for (let path: string | undefined = `/api/sagas?${query}`; path !== undefined; ) {
      const page = await service.client.get(path);
      expect(page.status, page.text).toBe(200);
      ids.push(...page.json.sagas.map((saga: { saga_id: string }) => saga.saga_id));
      path = /^<([^>]+)>; rel="next"$/.exec(String(page.headers.link ?? ''))?.[1];
      expect(path !== undefined).toBe(page.json.next_cursor !== null);
    }
    return ids;
  }

  it('the list is empty while there are no sagas', async () => {
    const answer = await list();
    expect(answer.json).toEqual({ sagas: [], next_cursor: null });
    expectApiHeaders(answer);
  });

  it('an entry is the saga without its steps', async () => {
    const id = await inAttention();
    const { steps: _, ...saga } = await read(id);
    expect((await list()).json).toEqual({ sagas: [saga], next_cursor: null });
  });

  it('pages of any size list every saga in the wanted states once, the oldest first', async () => {
    const ids = await plantSagas(service.database, newName(), 23);
    const states = ['R', 'C', 'A', 'D', 'X'];
    for (const [index, id] of ids.entries()) {
      const values = [id, states[index % 5]];
      await service.database.query('update sagas set state = $2 where saga_id = $1', values);
    }
    const among = (...indexes: number[]) => ids.filter((_, index) => indexes.includes(index % 5));
    for (const limit of [1, 4, 23, 1000]) {
      expect(await allIds(`limit=${limit}`)).toEqual(ids);
      expect(await allIds(`state=needs_attention&limit=${limit}`)).toEqual(among(2));
      expect(await allIds(`limit=${limit}&state=compensated&state=running`)).toEqual(among(0, 4));
    }
    expect(await allIds('')).toEqual(ids);
  });

  it.each([
    ['state=A', 'state'],
    ['state=', 'state'],
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['cursor=1', 'cursor'],
    ['cursor=1&cursor=2', 'cursor'],
    ['coupon_name=x', 'coupon_name'],
    ['next_cursor=1', 'next_cursor'],
  ])('the list refuses %s', async (query, field) => {
    expectInvalid(await service.client.get(`/api/sagas?${query}`), field);
  });
});

describe('POST /api/sagas/{id}/retry', () => {
  it.each([
    [false, 'running'],
    [true, 'compensating'],
  ])(
    'a saga in need of attention goes on where it stopped (undoing: %s)',
    async (isUndoing, state) => {
      const id = await plantSaga(
        `state = 'A', is_undoing = ${isUndoing}, attempts = 5, cause = 'x'`,
      );
      const answer = await retry(id);
      expect(answer.status, answer.text).toBe(202);
      const { message, ...saga } = answer.json;
      expect(message).toBe('saga retried');
      expect(saga).toMatchObject({ saga_id: id, state, next_attempt_at: time });
      expect(await read(id)).toEqual(saga);
      expect(await logged(id)).toMatchObject([
        {
          ...{ action: 'retry_saga', actor: 'anonymous', coupon_name: saga.coupon_name },
          ...{ before: { state: 'needs_attention', step: 2 }, after: { state, step: 2 } },
          request_id: expect.any(String),
        },
      ]);
    },
  );

  it.each(['R', 'C', 'D', 'X'])('a saga in the state %s cannot be retried', async (state) => {
    const id = await plantSaga(`state = '${state}'`);
    const before = await read(id);
    expectInvalid(await retry(id), 'id');
    expect((await retry(id)).json.errors).toEqual([
      { field: 'id', message: 'must be a saga that needs attention' },
    ]);
    expect(await read(id)).toEqual(before);
    expect(await logged(id)).toEqual([]);
  });

  it('any member and any query parameter are refused', async () => {
    const id = await inAttention();
    expectInvalid(await retry(id, { note: 'x' }), 'note');
    expectInvalid(await service.client.post(`/api/sagas/${id}/retry?x=1`, {}), 'x');
    expect(await read(id)).toMatchObject({ state: 'needs_attention' });
  });
});

describe('POST /api/sagas/{id}/resolve', () => {
  const note = 'captured by hand, receipt 4711';

  it.each([
    ['done', 'running'],
    ['compensated', 'compensating'],
  ])('a saga that is resolved as %s has only its claim left to end', async (as, state) => {
    const id = await inAttention();
    const answer = await resolve(id, { as, note });
    expect(answer.status, answer.text).toBe(202);
    const { message, ...saga } = answer.json;
    expect(message).toBe('saga resolved');
    expect(saga).toMatchObject({ saga_id: id, state, next_attempt_at: time });
    expect(await read(id)).toEqual(saga);
    const entries = await logged(id);
    expect(entries).toMatchObject([
      { action: 'resolve_saga', reason: note, before: { state: 'needs_attention' } },
    ]);

    const again = await resolve(id, { as, note });
    expect(again.status).toBe(202);
    expect(again.json).toEqual(answer.json);
    const other = as === 'done' ? 'compensated' : 'done';
    expectInvalid(await resolve(id, { as: other, note }), 'id');
    expect(await logged(id)).toEqual(entries);
  });

  it.each([
    [{ as: 'done' }, 'note', 'is required'],
    [{ note: 'x' }, 'as', 'is required'],
    [{ as: 'undone', note: 'x' }, 'as', 'must be done or compensated'],
    [{ as: 'done', note: '' }, 'note', 'is required'],
    [
      { as: 'done', note: 'n'.repeat(1001) },
      ...(['note', 'must be a text of 1 to 1000 characters without control characters'] as const),
    ],
    [
      { as: 'done', note: 'a\u0000' },
      ...(['note', 'must be a text of 1 to 1000 characters without control characters'] as const),
    ],
  ])('the body %j is refused, and changes nothing', async (body, field, message) => {
    const id = await inAttention();
    const answer = await resolve(id, body);
    expectInvalid(answer, field);
    expect(answer.json.errors).toEqual([{ field, message }]);
    expect(await read(id)).toMatchObject({ state: 'needs_attention' });
    expect(await logged(id)).toEqual([]);
  });

  it('a note may have 1,000 characters of any script', async () => {
    const id = await inAttention();
    const longest = '🎟'.repeat(1000);
    expect((await resolve(id, { as: 'done', note: longest })).status).toBe(202);
    expect(await logged(id)).toMatchObject([{ reason: longest }]);
  });
});
