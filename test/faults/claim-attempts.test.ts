// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { Claimed } from '../../src/client.ts';
import { ClaimAttempts } from './claim-attempts.ts';

const begunAt = new Date('2030-01-31T18:00:00Z');
const later = '2030-01-31T18:00:01Z';
const earlier = '2030-01-31T17:59:59Z';

function claimed(replayed: boolean, claimed_at = later, coupon_name = 'A'): Claimed {
  return { replayed, claim: { claimed_at, coupon_name } } as Claimed;
}

/** Attempts whose first request, of one claim with the key `k`, has no answer. */
async function afterLostAnswer(): Promise<ClaimAttempts> {
  const attempts = new ClaimAttempts(async () => {
    throw new Error('reset');
  });
  const body = JSON.stringify({ coupon_name: 'A' });
  const init = { headers: { 'idempotency-key': 'k' }, body };
  await expect(attempts.fetch('http://127.0.0.1', init)).rejects.toThrow('reset');
  return attempts;
}

describe('the attempts of a client', () => {
  it('leaves replays and new claims as they are while no answer is lost', () => {
    const attempts = new ClaimAttempts();
    expect(attempts.isReplay('k', claimed(true), begunAt)).toBe(true);
    expect(attempts.isReplay('k', claimed(false), begunAt)).toBe(false);
    expect(attempts.isReplay('k', claimed(false), begunAt)).toBe(false);
  });

  it('takes the replay of a lost attempt for the claim itself, once', async () => {
    const attempts = await afterLostAnswer();
    expect(attempts.isReplay('k', claimed(true), begunAt)).toBe(false);
    expect(attempts.isReplay('k', claimed(true), begunAt)).toBe(true);
    expect(attempts.isReplay('other', claimed(true), begunAt)).toBe(true);
  });

  it('takes claims of two coupons with the same key for two', async () => {
    const attempts = await afterLostAnswer();
    expect(attempts.isReplay('k', claimed(false, later, 'B'), begunAt)).toBe(false);
    expect(attempts.isReplay('k', claimed(true, later, 'B'), begunAt)).toBe(true);
    expect(attempts.isReplay('k', claimed(true), begunAt)).toBe(false);
  });

  it('leaves the replay of a claim that is older than the call', async () => {
    const attempts = await afterLostAnswer();
    expect(attempts.isReplay('k', claimed(true, earlier), begunAt)).toBe(true);
  });

  it('reports one of two calls with a key as the one that won', async () => {
    const attempts = await afterLostAnswer();
    expect(attempts.isReplay('k', claimed(true), begunAt)).toBe(false);
    expect(attempts.isReplay('k', claimed(false), begunAt)).toBe(true);
    // Two new claims under one key are a fault, and are reported as they came.
    expect(attempts.isReplay('k', claimed(false), begunAt)).toBe(false);
  });

  it('doubts only the entries of a batch that have no definite result', async () => {
    const results = [{ status: 200 }, { status: 503 }];
    const attempts = new ClaimAttempts(async () => Response.json({ results }));
    const claims = ['a', 'b'].map((idempotency_key) => ({ coupon_name: 'A', idempotency_key }));
    await attempts.fetch('http://127.0.0.1', { body: JSON.stringify({ claims }) });
    expect(attempts.isReplay('a', claimed(true), begunAt)).toBe(true);
    expect(attempts.isReplay('b', claimed(true), begunAt)).toBe(false);
  });
});
