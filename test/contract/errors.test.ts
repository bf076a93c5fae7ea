// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { problemBody } from '../../src/entrypoints/http/problems/problem.ts';
import { problems } from '../../src/entrypoints/http/problems/problem-kinds.ts';
import { toProblemDetails } from '../../src/entrypoints/http/problems/to-problem.ts';
import type { Answer } from '../support/contract-client.ts';
import { holdCoupon } from '../support/contract-locks.ts';
import { expectProblem, problemTable, retryAfterOf } from '../support/contract-problems.ts';
import { decidesAtOnce, newName, pathOf, until, useService } from '../support/contract-service.ts';
import { isLong } from '../support/long.ts';
import { missed, waitFor } from '../support/wait-for.ts';

describe('the table of errors', () => {
  it('the table of errors has exactly the codes, statuses, texts and effects of the contract', () => {
    const rows = Object.entries(problems).map(([code, { status, error, effect }]) => [
      code,
      { status, error, effect },
    ]);
    const expected = Object.entries(problemTable).map(([code, { status, error, effect }]) => [
      code,
      { status, error, effect },
    ]);
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(expected));
  });

  it('the table of errors has a Retry-After of a few seconds with jitter where the contract requires one', () => {
    for (const [code, { retryAfterSeconds }] of Object.entries(problems)) {
      // These are the time until the opening, and until the window of the limit ends.
      const isKnown = ['not_open', 'rate_limited'].includes(code);
      const { retryAfter } = problemTable[code as keyof typeof problemTable];
      expect(retryAfterSeconds !== undefined, code).toBe(retryAfter && !isKnown);
      if (retryAfterSeconds === undefined) continue;
      expect(retryAfterSeconds.min).toBeGreaterThanOrEqual(1);
      expect(retryAfterSeconds.max).toBeGreaterThan(retryAfterSeconds.min);
      expect(retryAfterSeconds.max).toBeLessThanOrEqual(10);
    }
  });

  it('the type of every problem ends with its code', () => {
    for (const code of Object.keys(problems) as (keyof typeof problems)[]) {
      const { type } = JSON.parse(problemBody('id', { code, detail: 'd' }));
      expect(type).toMatch(new RegExp(`^https://[^#]+/errors#${code}$`));
    }
  });
});

describe('an unexpected error', () => {
  it('an unexpected error reveals no details', () => {
    const secret = 'select secret from places at line 5';
    for (const error of [
      new Error(secret),
      Object.assign(new Error(secret), { statusCode: 500, code: secret }),
      Object.assign(new Error(secret), { statusCode: 418, code: secret }),
      { message: secret },
    ]) {
      const details = toProblemDetails(error);
      expect(problemBody('id', details)).not.toContain('secret');
      expect(details.code).toBe(
        'statusCode' in error && error.statusCode === 418 ? 'invalid_request' : 'internal',
      );
    }
  });
});

describe('an error', () => {
  const service = useService();

  it('each error carries an id that no other request has', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => service.client.get('/nowhere')),
    );
    expect(new Set(answers.map((answer) => answer.json.instance)).size).toBe(50);
    const sent = { 'X-Request-Id': 'mine', 'Request-Id': 'mine' };
    const { json } = await service.client.get('/nowhere', sent);
    expect(json.instance).not.toContain('mine');
  });

  it('an error does not repeat what the request contained', async () => {
    const canary = 'canary-in-the-request';
    for (const answer of [
      await service.client.get(pathOf(canary)),
      await service.client.claim(canary, canary),
      await service.client.post('/api/coupons', `{"name":"${canary}","amount":"${canary}"}`),
      await service.client.post('/api/coupons', `{"${canary}":`),
    ]) {
      expect(answer.text).not.toContain(canary);
    }
  });
});

describe('a claim that cannot be decided', () => {
  const service = useService({
    ...{ ...decidesAtOnce, CLAIM_TIMEOUT_MS: '30000', DATABASE_LOCK_TIMEOUT_MS: '700' },
  });

  it('a claim of a locked coupon is unavailable and stores nothing', async () => {
    const coupon = await service.createCoupon();
    const held = await holdCoupon(service.database, coupon);
    const answer = await service.client.claim('ada', coupon, 'k');
    await held.release();
    expectProblem(answer, 'unavailable');
    expect(retryAfterOf(answer)).toBeLessThanOrEqual(3);
    expect((await service.client.get(pathOf(coupon))).json.claimed_by).toEqual([]);
    const again = await service.client.claim('ada', coupon, 'k');
    expect(again.status).toBe(200);
    expect(again.headers).not.toHaveProperty('idempotency-replayed');
  });
});

describe('a claim whose time ends while its outcome is in doubt', () => {
  const service = useService({
    ...{ ...decidesAtOnce, CLAIM_TIMEOUT_MS: '3000', DATABASE_LOCK_TIMEOUT_MS: '1100' },
  });

  it('a claim whose answer from the database was lost is outcome_unknown and carries its claim_id', async () => {
    const coupon = await service.createCoupon();
    const held = await holdCoupon(service.database, coupon);
    try {
      const claim = service.client.claim('ada', coupon, 'k');
      await held.untilWaiting();
      if ((await held.cutWaiting()) === 0) missed('the claim stopped waiting for the lock');
      const answer = await claim;
      expectProblem(answer, 'outcome_unknown');
      expect(answer.json.claim_id).toMatch(/^[0-9a-f-]{36}$/);
      expect(retryAfterOf(answer)).toBeLessThanOrEqual(3);
    } finally {
      await held.release();
    }
    const { json } = await until(
      () => service.client.claim('ada', coupon, 'k'),
      ({ status }) => status !== 503,
    );
    expect(json).toMatchObject({ user_id: 'ada', position: 1 });
    expect((await service.client.get(pathOf(coupon))).json.claimed_by).toEqual(['ada']);
  });
});

describe('a claim beyond the limit of waiting claims', () => {
  const service = useService({
    ...decidesAtOnce,
    CLAIM_TIMEOUT_MS: '20000',
    DATABASE_LOCK_TIMEOUT_MS: '9000',
    CLAIM_LANE_WAITING_MAX: '2',
  });

  it('a claim that finds its lane full is overloaded at once and stores nothing', async () => {
    const coupon = await service.createCoupon({ amount: 50 });
    const held = await holdCoupon(service.database, coupon);
    try {
      const underWay = service.client.claim('under way', coupon);
      await held.untilWaiting();
      const refused: Answer[] = [];
      const others = Array.from({ length: 12 }, (_, index) =>
        service.client.claim(`user ${index}`, coupon).then((answer) => {
          if (answer.status !== 200) refused.push(answer);
          return answer;
        }),
      );
      // Two claims have room to wait. The others are refused while the coupon is still locked.
      await until(
        async () => refused.length,
        (count) => count >= 10,
      );
      await held.release();
      const answers = await Promise.all([underWay, ...others]);
      for (const answer of refused) {
        expectProblem(answer, 'overloaded');
        expect(retryAfterOf(answer)).toBeLessThanOrEqual(3);
      }
      expect(answers.filter((answer) => answer.status === 200)).toHaveLength(3);
      expect((await service.client.get(pathOf(coupon))).json.claimed_by).toHaveLength(3);
    } finally {
      await held.release();
    }
  });
});

describe('a request to a database with other tables', () => {
  const service = useService();

  /** Expects this problem for every call that needs the tables. */
  async function expectEachAnswered(coupon: string, code: 'internal' | 'unavailable') {
    const { client } = service;
    for (const answer of [
      await client.get(pathOf(coupon)),
      await client.get('/api/coupons'),
      await client.get(pathOf(coupon, 'claims')),
      await client.claim('ada', coupon),
      await client.post('/api/coupons', { name: newName(), amount: 1 }),
    ]) {
      expectProblem(answer, code);
    }
  }

  it('a renamed column is an internal error without details, and claims work again after it', async () => {
    const coupon = await service.createCoupon();
    const { database } = service;
    await database.query('alter table coupons rename column name to elsewhere');
    try {
      await expectEachAnswered(coupon, 'internal');
    } finally {
      await database.query('alter table coupons rename column elsewhere to name');
    }
    await service.mustClaim(coupon, { user: 'ada' });
  });

  it('requests are unavailable while the tables are missing, and work again when they are back', async () => {
    const coupon = await service.createCoupon();
    const { client, database } = service;
    await database.query('alter table coupons rename to elsewhere');
    try {
      await expectEachAnswered(coupon, 'unavailable');
    } finally {
      await database.query('alter table elsewhere rename to coupons');
    }
    await waitFor('claims', async () => (await client.get('/readyz')).status === 200);
    await service.mustClaim(coupon, { user: 'ada' });
  });
});

describe('a random request', () => {
  const service = useService();
  const key = fc.constantFrom(
    'name',
    'amount',
    'user_id',
    'coupon_name',
    'opens_at',
    'add',
    'paused',
  );
  const value = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.string({ unit: 'binary' }), fc.double());
  const body = fc.oneof(
    fc
      .record({
        name: fc.string({ unit: 'binary', minLength: 1 }),
        amount: fc.oneof(fc.nat(), value),
      })
      .map((object) => Buffer.from(JSON.stringify(object))),
    fc.dictionary(key, value).map((object) => Buffer.from(JSON.stringify(object))),
    fc.json().map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.string({ unit: 'binary' }).map((text) => Buffer.from(`{"name":"${text}","amount":1}`)),
  );
  const path = fc.oneof(
    fc.constantFrom('/api/coupons', '/api/coupons/claim', '/api/coupons/x/stock', '/api/coupons/x'),
    fc.webPath().map((text) => `/api${text}`),
    fc.webSegment().map((text) => `/api/coupons/${text}/claims`),
  );
  const query = fc.oneof(
    fc.constant(''),
    fc.webQueryParameters().map((text) => `?limit=${text}`),
  );
  const headers = fc.record(
    {
      'Idempotency-Key': fc.string({ unit: 'binary-ascii' }).map(asHeader),
      Accept: fc.string().map(asHeader),
      Authorization: fc.string().map(asHeader),
      'Content-Type': fc.string().map(asHeader),
    },
    { requiredKeys: [] },
  );

  it('a random request is never an internal error, and only acknowledged changes are stored', async () => {
    let created = 0;
    // Unlikely, but a random request may hit a coupon that was created before.
    let claimed = 0;
    let added = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('POST', 'PATCH', 'GET', 'DELETE'),
        fc.tuple(path, query).map((pieces) => pieces.join('')),
        body,
        headers,
        async (method, target, bytes, sent) => {
          const answer = await service.client.call({
            ...{ method, path: target, headers: sent },
            ...(method !== 'GET' && { body: bytes }),
          });
          if (answer.status === 201) created += 1;
          const isNew = answer.headers['idempotency-replayed'] === undefined;
          if (method === 'POST' && answer.status === 200 && isNew) {
            if ('claim_id' in answer.json) claimed += 1;
            else added += 1;
          }
          expectServedOrRefused(answer);
        },
      ),
      {
        numRuns: isLong ? 1500 : 300,
        // A random request that is valid is rare.
        examples: [['POST', '/api/coupons', Buffer.from('{"name":"valid","amount":1}'), {}]],
      },
    );
    const rows = await service.database.query<{ name: string; amount: number }>(
      'select name, amount, remaining_amount, opens_at, closes_at, paused from coupons',
    );
    expect(rows).toHaveLength(created);
    expect(created).toBeGreaterThan(0);
    for (const row of rows) {
      expect(row.name).toMatch(/^[^\p{Cc}\p{Cs}]{1,255}$/u);
      expect(row.amount).toBeGreaterThanOrEqual(1);
    }
    expect(await service.storedCounts()).toMatchObject({
      ...{ coupons: String(created), claims: String(claimed) },
      ledger: String(created + claimed + added),
    });
  });
});

function asHeader(text: string): string {
  return text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '');
}

/** Expects success, or a refusal for a reason in the request. */
function expectServedOrRefused(answer: Answer): void {
  expect([200, 201, 400, 404, 405, 409, 413, 422], answer.text).toContain(answer.status);
  if (answer.status >= 400) expectProblem(answer, answer.json.code);
}
