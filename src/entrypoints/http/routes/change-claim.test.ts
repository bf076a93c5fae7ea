// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChangeClaimCommand, ChangeClaimOutcome, Claim } from '../../../core/claims/claim.ts';
import { AppError } from '../../../core/errors.ts';
import type { HttpDependencies } from '../route.ts';
import { createHttpServer, type HttpServer } from '../server.ts';

const options = {
  ...{ headersTimeoutMs: 60_000, requestTimeoutMs: 60_000, keepAliveTimeoutMs: 60_000 },
  ...{ connectionsMax: 100, headerBytesMax: 16_384, loopbackOnly: true },
  ...{ allowedHosts: [], corsOrigins: [] },
  apiKeys: () => ({ adminApiKey: 'the-admin-key', claimApiKey: 'the-claim-key' }),
};

const unused = () => Promise.reject(new Error('this test does not use it'));
const claimId = '01947a5c-3e2f-7d10-8b6a-5f0c1d2e3f40';
const lastId = '01947a5c-3e2f-7d10-8b6a-5f0c1d2e3f41';

const claim: Claim = {
  ...{ claimId, couponName: 'LAUNCH', userId: 'ada', position: 3 },
  ...{ claimedAt: '2030-01-31T18:00:00.000000Z', state: 'reserved' as const },
  expiresAt: '2030-01-31T18:10:00.000000Z',
};
const claimBody = {
  ...{ claim_id: claimId, coupon_name: 'LAUNCH', user_id: 'ada', position: 3 },
  ...{ claimed_at: claim.claimedAt, state: 'reserved', expires_at: claim.expiresAt },
};
const lastClaim: Claim = {
  ...{ claimId: lastId, couponName: 'LAUNCH', userId: 'ada', position: 1 },
  ...{ claimedAt: '2030-01-31T17:00:00.000000Z', state: 'released' as const },
  ...{ releasedAt: '2030-01-31T17:10:00.000000Z', reason: 'expired' },
};
const lastClaimBody = {
  ...{ claim_id: lastId, coupon_name: 'LAUNCH', user_id: 'ada', position: 1 },
  ...{ claimed_at: lastClaim.claimedAt, state: 'released' },
  ...{ released_at: lastClaim.releasedAt, reason: 'expired' },
};

let server: HttpServer;
let commands: ChangeClaimCommand[] = [];
let decide: () => Promise<ChangeClaimOutcome> = unused;

const dependencies: HttpDependencies = {
  changeClaim(command) {
    commands.push(command);
    return decide();
  },
  ...{ claimCoupon: unused, newClaimId: () => claimId, claimRefused: () => undefined },
  readCoupons: { read: unused, assertExists: unused, list: unused },
  ...{ createCoupon: unused, changeCoupon: unused, addStock: unused },
  readClaims: { find: unused, list: unused, listOfUser: unused, exportAll: unused },
  readOperatorLog: unused,
  lostHistory: { read: unused, accept: unused },
  readWebhooks: { list: unused, read: unused, listDeliveries: unused },
  ...{
    createWebhook: unused,
    deleteWebhook: unused,
    enableWebhook: unused,
    rotateWebhookSecret: unused,
  },
  ...{ redeliverEvents: unused, testWebhook: unused },
  readSagas: { list: unused, read: unused },
  ...{ retrySaga: unused, resolveSaga: unused },
  checkHealth: unused,
  healthFacts: { version: '1.2.3', database: 'external', anonymousAdmin: false },
  metricsText: unused,
  metricsType: 'text/plain',
  callAnswered: () => undefined,
  claimsArrived: () => undefined,
  log: { error: () => undefined, info: () => undefined, warn: () => undefined },
};

beforeAll(async () => {
  server = await createHttpServer(options, dependencies);
});

afterAll(() => server.app.close());

type Sent = { key?: 'admin' | 'claim'; body?: object | string; headers?: Record<string, string> };

/** Calls a route; the use case answers with `outcome`. */
async function send(call: string, outcome: ChangeClaimOutcome | AppError, sent: Sent = {}) {
  commands = [];
  decide = async () => {
    if (outcome instanceof AppError) throw outcome;
    return outcome;
  };
  const { key = 'claim', body, headers } = sent;
  const answer = await server.app.inject({
    method: 'POST',
    url: `/api/coupons/LAUNCH/claims/ada/${call}`,
    headers: { host: '127.0.0.1', authorization: `Bearer the-${key}-key`, ...headers },
    ...(body !== undefined && { payload: body }),
  });
  return { status: answer.statusCode, headers: answer.headers, body: answer.json() };
}

const unchanged = { outcome: 'unchanged' as const, claim };

describe('the calls that change a claim', () => {
  it('pass what a caller with the admin key sends to the use case', async () => {
    const sent = { claim_id: claimId.toUpperCase(), reason: 'paid late', final: true };
    await send('release', unchanged, { key: 'admin', body: sent });
    expect(commands).toEqual([
      {
        ...{ change: 'release', couponName: 'LAUNCH', userId: 'ada', claimId },
        ...{ idempotencyKey: undefined, reason: 'paid late', isFinal: true },
        ...{ mayReleaseConfirmed: true, by: { actor: 'admin', requestId: expect.any(String) } },
      },
    ]);
  });

  it.each(['confirm', 'release', 'redeem'])(
    'count an absent or empty body of %s as an empty object',
    async (change) => {
      for (const body of [undefined, '', {}]) {
        const sent = { ...(body !== undefined && { body }) };
        expect(await send(change, unchanged, sent)).toMatchObject({ status: 200 });
        expect(commands).toMatchObject([
          { change, claimId: undefined, reason: undefined, isFinal: false },
        ]);
      }
    },
  );

  it('pass on that a caller with the claim key may release only what is reserved', async () => {
    for (const isFinal of [false, true]) {
      await send('release', unchanged, { body: { final: isFinal } });
      expect(commands).toMatchObject([{ isFinal, mayReleaseConfirmed: false }]);
    }
    expect(await send('release', { outcome: 'forbidden' })).toMatchObject({
      ...{ status: 403, body: { code: 'forbidden', effect: 'none' } },
    });
  });

  it('take an Idempotency-Key for redeem only', async () => {
    const headers = { 'idempotency-key': 'till 7' };
    for (const [change, idempotencyKey] of [
      ['redeem', 'till 7'],
      ['confirm', undefined],
      ['release', undefined],
    ] as const) {
      await send(change, unchanged, { headers });
      expect(commands).toMatchObject([{ change, idempotencyKey }]);
    }
  });

  it.each([
    ['confirm', { reason: 'x' }, 'reason'],
    ['confirm', { final: true }, 'final'],
    ['redeem', { reason: 'x' }, 'reason'],
    ['redeem', { idempotency_key: 'x' }, 'idempotency_key'],
    ['release', { saga: 'x' }, 'saga'],
    ['release', { reason: '' }, 'reason'],
    ['release', { reason: 'x'.repeat(256) }, 'reason'],
    ['release', { reason: 'a\nb' }, 'reason'],
    ['release', { reason: 5 }, 'reason'],
    ['release', { reason: null }, 'reason'],
    ['release', { reason: 'expired' }, 'reason'],
    ['release', { reason: 'saga' }, 'reason'],
    ['release', { final: 'true' }, 'final'],
    ['release', { claim_id: '' }, 'claim_id'],
    ['confirm', { claim_id: 'x'.repeat(256) }, 'claim_id'],
    ['confirm', { claim_id: 'a\u0000' }, 'claim_id'],
    ['redeem', { claim_id: null }, 'claim_id'],
    ['redeem', { claim_id: 5 }, 'claim_id'],
    ['redeem', '[]', 'body'],
    ['redeem', 'null', 'body'],
  ])('%s refuses the body %j', async (change, body, field) => {
    expect(await send(change, unchanged, { key: 'admin', body })).toMatchObject({
      status: 400,
      body: { code: 'invalid_request', errors: [{ field }] },
    });
    expect(commands).toEqual([]);
  });

  it('accept a reason of 255 characters, whatever their size', async () => {
    const reason = '🎟'.repeat(255);
    expect(await send('release', unchanged, { body: { reason } })).toMatchObject({ status: 200 });
    expect(commands).toMatchObject([{ reason }]);
  });

  it.each([
    ['changed', undefined],
    ['unchanged', undefined],
    ['replayed', 'true'],
  ] as const)('answer %s with the claim', async (outcome, replayed) => {
    const { status, headers, body } = await send('redeem', { outcome, claim });
    expect({ status, body }).toEqual({ status: 200, body: claimBody });
    expect(headers['idempotency-replayed']).toBe(replayed);
  });

  it.each(['already_redeemed', 'claim_released', 'hold_expired', 'not_confirmed'] as const)(
    'answer %s with 409 and the claim',
    async (outcome) => {
      const { status, body } = await send('confirm', { outcome, claim: lastClaim });
      expect(status).toBe(409);
      expect(body).toMatchObject({ code: outcome, effect: 'none', claim: lastClaimBody });
      expect(body).not.toHaveProperty('last_claim');
    },
  );

  const sagaId = '01947a5c-3e2f-8d10-8b6a-5f0c1d2e3f40';
  const { expiresAt: _, ...held } = claim;
  const { expires_at: __, ...heldBody } = claimBody;

  it('answer saga_running with 409 and the id of the saga, and without the claim', async () => {
    const running: Claim = { ...held, sagaId, sagaState: 'running' };
    for (const call of ['confirm', 'release', 'redeem']) {
      const { status, body } = await send(call, { outcome: 'saga_running', claim: running });
      expect(status).toBe(409);
      expect(body).toMatchObject({ code: 'saga_running', error: 'saga running', effect: 'none' });
      expect(body.saga_id).toBe(sagaId);
      expect(body).not.toHaveProperty('claim');
    }
  });

  it('answer an undo that was asked for with 202 and the claim', async () => {
    const undone: Claim = { ...held, sagaId, sagaState: 'compensating' };
    const outcome = { outcome: 'undo_requested' as const, claim: undone };
    const { status, body } = await send('release', outcome, { key: 'admin' });
    expect({ status, body }).toEqual({
      ...{ status: 202, body: { ...heldBody, saga_id: sagaId, saga_state: 'compensating' } },
    });
  });

  it('answer claim_mismatch with the live claim and the last one, where they exist', async () => {
    const mismatch = { outcome: 'claim_mismatch' as const };
    const both = await send('release', { ...mismatch, claim, lastClaim });
    expect(both).toMatchObject({
      ...{ status: 409, body: { code: 'claim_mismatch', claim: claimBody } },
    });
    expect(both.body.last_claim).toEqual(lastClaimBody);
    const none = await send('release', { ...mismatch, claim: undefined, lastClaim: undefined });
    expect(none.status).toBe(409);
    expect(none.body).not.toHaveProperty('claim');
    expect(none.body).not.toHaveProperty('last_claim');
  });

  it.each(['coupon_not_found', 'claim_not_found'] as const)(
    'answer %s with 404',
    async (outcome) => {
      expect(await send('confirm', { outcome })).toMatchObject({
        ...{ status: 404, body: { code: outcome, effect: 'none' } },
      });
    },
  );

  it('show the id that the call named when its outcome is unknown', async () => {
    const fault = new AppError('outcome_unknown', { detail: 'the answer was lost', claimId });
    expect(await send('confirm', fault, { body: { claim_id: claimId } })).toMatchObject({
      ...{ status: 503, body: { code: 'outcome_unknown', effect: 'unknown', claim_id: claimId } },
    });
  });
});
