// SPDX-License-Identifier: GPL-3.0-or-later
/** Rate limits count claims, however many of them a call has. */
import { describe, expect, it } from 'vitest';
import type { Answer } from '../support/contract-client.ts';
import { expectProblem } from '../support/contract-problems.ts';
import { newName, useService } from '../support/contract-service.ts';

const adminKey = 'the-key-of-the-administrator-of-the-shop';
const claimKey = 'the-key-of-the-backend-that-claims-units';
const keys = { ADMIN_API_KEY: adminKey, CLAIM_API_KEY: claimKey };
const bearer = (key: string) => ({ Authorization: `Bearer ${key}` });

/** The status of each result, and the `retry_after` of those that a limit refuses. */
function statusesOf(answer: Answer): number[] {
  expect(answer.status, answer.text).toBe(200);
  return answer.json.results.map(
    (result: { status: number; code: string; retry_after: number }) => {
      if (result.status === 429) {
        expect(result.code).toBe('rate_limited');
        expect(result.retry_after).toBeGreaterThan(3_400);
      }
      return result.status;
    },
  );
}

const claimsOf = (...users: string[]) => users.map((user_id) => ({ coupon_name: 'none', user_id }));

function batchesOf(service: ReturnType<typeof useService>, headers: Record<string, string>) {
  const send = (claims: unknown[]) => service.client.post('/api/claims/batch', { claims }, headers);
  const count = async (outcome: string) => {
    const { text } = await service.client.get('/metrics', bearer(adminKey));
    const line = new RegExp(`^firstcome_claims_total\\{outcome="${outcome}"\\} (\\d+)$`, 'm');
    return Number(line.exec(text)?.[1] ?? 0);
  };
  return { send, count };
}

describe('a limit of a user', () => {
  const service = useService({
    ...{ ...keys, RATE_LIMIT_PER_USER: '2/1h', RATE_LIMIT_PER_KEY: '100/1h' },
  });

  it('refuses the claims of this user beyond it, and they use up no other limit', async () => {
    const { send, count } = batchesOf(service, bearer(claimKey));
    const before = await count('rate_limited');
    const answer = await send([...claimsOf('ada', 'bob', 'ada', 'ada', 'bob', 'ada', 'cyd'), {}]);
    expect(statusesOf(answer)).toEqual([404, 404, 404, 429, 404, 429, 404, 400]);
    expect(answer.headers.ratelimit).toMatch(/^"key";r=95;t=\d+$/);
    expect(statusesOf(await send(claimsOf('ada', 'cyd', 'bob')))).toEqual([429, 404, 429]);
    expect(await count('rate_limited')).toBe(before + 4);
    expect(
      (await service.client.post('/api/coupons/claim', claimsOf('ada')[0], bearer(claimKey)))
        .status,
    ).toBe(429);
  });

  it('does not count the claims of operators, whose key has a limit of its own', async () => {
    const { send } = batchesOf(service, bearer(adminKey));
    const users = Array.from({ length: 90 }, () => newName('user'));
    expect(statusesOf(await send(claimsOf(...users, ...users.slice(0, 20))))).toEqual([
      ...Array(100).fill(404),
      ...Array(10).fill(429),
    ]);
    expectProblem(await send(claimsOf('ada')), 'rate_limited');
  });
});

describe('a limit of an address', () => {
  const service = useService({
    ...{ ...keys, RATE_LIMIT_PER_IP: '5/1h', TRUSTED_PROXIES: '127.0.0.1', RATE_LIMIT_ALL: '9/1h' },
  });

  it('counts every claim of a call, also those that are not valid', async () => {
    const headers = { ...bearer(claimKey), 'X-Forwarded-For': '192.0.2.1' };
    const { send, count } = batchesOf(service, headers);
    const answer = await send([
      {},
      ...claimsOf('ada'),
      {},
      ...claimsOf('ada', 'bob', 'cyd', 'dan'),
    ]);
    expect(statusesOf(answer)).toEqual([400, 404, 400, 404, 404, 429, 429]);
    expect(answer.headers.ratelimit).toMatch(/^"ip";r=0;t=\d+, "all";r=6;t=\d+$/);
    const before = await count('rate_limited');
    // Nothing of it can be within the limit, so its body is not read.
    expectProblem(await send(claimsOf('ada', 'bob')), 'rate_limited');
    expect(await count('rate_limited')).toBe(before);
  });

  it('counts a call with one claim once', async () => {
    const { send } = batchesOf(service, { ...bearer(claimKey), 'X-Forwarded-For': '192.0.2.2' });
    const answer = await send(claimsOf('ada'));
    expect(statusesOf(answer)).toEqual([404]);
    expect(answer.headers.ratelimit).toMatch(/^"ip";r=4;t=\d+, "all";r=5;t=\d+$/);
  });
});
