// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type Fault, faultKinds, ModelService } from '../../test/support/model-service.ts';
import { type End, VirtualTime } from '../../test/support/virtual-time.ts';
import './claim-batches.ts';
import { FirstcomeClient } from './firstcome-client.ts';
import type { ClaimResult } from './results.ts';

const url = 'http://service.example';
const fault = fc.record<Fault>({
  kind: fc.constantFrom(...faultKinds),
  delayMs: fc.integer({ min: 0, max: 4000 }),
  isDecided: fc.boolean(),
});
const faults = fc.array(fault, { maxLength: 8 });
const timeouts = fc.integer({ min: 100, max: 30_000 });
const none: Fault = { kind: 'none', delayMs: 5, isDecided: true };

/** A service that meets these faults in turn, and none afterwards, and its client. */
function setup(faults: Fault[], options: { units?: number; coalesce?: boolean } = {}) {
  const time = new VirtualTime();
  time.install();
  let place = 0;
  const service = new ModelService(time, options.units ?? 3, () => faults[place++] ?? none);
  const { coalesce = false } = options;
  const client = new FirstcomeClient({ url, fetch: service.fetch as typeof fetch, coalesce });
  return { time, service, client };
}

const runs = { numRuns: 100 };

afterEach(() => VirtualTime.restore());

/** What must be true of a result once everything has happened that still could. */
function expectTrue(service: ModelService, user: string, result: ClaimResult): void {
  const claims = service.claims.filter((claim) => claim.user_id === user);
  expect(claims.length).toBeLessThanOrEqual(1);
  if (result.outcome === 'claimed') {
    expect(result.claim).toMatchObject({ user_id: user, claim_id: claims[0]?.claim_id });
  } else if (result.outcome !== 'unknown') {
    expect(claims).toEqual([]);
  }
}

function expectRetryAfterObeyed({ seen }: ModelService): void {
  for (const [place, { keys, fault, answeredAtMs }] of seen.entries()) {
    if (answeredAtMs === undefined) continue;
    const againMs = fault.kind === 'rateLimited' ? answeredAtMs + 2000 : 3000;
    if (fault.kind !== 'rateLimited' && fault.kind !== 'unavailable') continue;
    const later = seen.slice(place + 1).filter((other) => keys.includes(other.keys[0] ?? ''));
    for (const { atMs } of later) expect(atMs).toBeGreaterThanOrEqual(againMs);
  }
}

/** The key of each user; it is always the same. */
function expectOneKeyEach({ seen }: ModelService): void {
  const keys = new Map<string, string>();
  for (const request of seen) {
    for (const [place, user] of request.users.entries()) {
      const key = request.keys[place] ?? '';
      expect(keys.get(user) ?? key).toBe(key);
      keys.set(user, key);
    }
  }
  expect(new Set(keys.values()).size).toBe(keys.size);
}

describe('a claim over an unreliable network', () => {
  it('is made once at most, has a true result, and ends by its deadline', async () => {
    await fc.assert(
      fc.asyncProperty(
        faults,
        fc.integer({ min: 0, max: 1 }),
        timeouts,
        async (faults, units, timeoutMs) => {
          const { time, service, client } = setup(faults, { units });
          const call = client.claim({ coupon_name: 'LAUNCH', user_id: 'ada' }, { timeoutMs });
          const [end] = await time.ends([call]);
          expect(end?.atMs).toBeLessThanOrEqual(timeoutMs);
          await time.runToEnd();
          expectTrue(service, 'ada', resultOf(end));
          expectOneKeyEach(service);
          expectRetryAfterObeyed(service);
        },
      ),
      runs,
    );
  });
});

describe('claims in batches over an unreliable network', () => {
  it('are made once at most, have true results, and end by their deadlines', async () => {
    await fc.assert(
      fc.asyncProperty(
        faults,
        fc.integer({ min: 0, max: 12 }),
        timeouts,
        async (faults, units, timeoutMs) => {
          const { time, service, client } = setup(faults, { units, coalesce: true });
          const users = Array.from({ length: 10 }, (_, place) => `user-${place}`);
          const limitOf = (place: number) => timeoutMs + place * 500;
          const calls = users.map((user_id, place) =>
            client.claim({ coupon_name: 'LAUNCH', user_id }, { timeoutMs: limitOf(place) }),
          );
          const ends = await time.ends(calls);
          await time.runToEnd();
          for (const [place, user] of users.entries()) {
            expect(ends[place]?.atMs).toBeLessThanOrEqual(limitOf(place));
            expectTrue(service, user, resultOf(ends[place]));
          }
          expectOneKeyEach(service);
          expectRetryAfterObeyed(service);
          expect(service.underWayMax).toBeLessThanOrEqual(2);
        },
      ),
      runs,
    );
  });

  it('are made alone by a service that has no batch call, or no longer, with the same promises', async () => {
    await fc.assert(
      fc.asyncProperty(
        faults,
        fc.integer({ min: 0, max: 6 }),
        fc.integer({ min: 0, max: 2 }),
        async (faults, units, batches) => {
          const { time, service, client } = setup(faults.map(firstAnswerOfDoubled), { units });
          service.batchesLeft = batches;
          const users = Array.from({ length: 5 }, (_, place) => `user-${place}`);
          const claims = users.map((user_id) => ({ coupon_name: 'LAUNCH', user_id }));
          const results = await time.result(client.claimMany(claims));
          await time.runToEnd();
          for (const [place, user] of users.entries()) {
            expectTrue(service, user, results[place] as ClaimResult);
          }
          expectOneKeyEach(service);
        },
      ),
      runs,
    );
  });
});

describe('the creation of a coupon over an unreliable network', () => {
  it('is not sent again once it may have taken effect, and has a true result', async () => {
    await fc.assert(
      fc.asyncProperty(faults, async (faults) => {
        const { time, service, client } = setup(faults.map(firstAnswerOfDoubled));
        const result = await time.result(client.createCoupon({ name: 'LAUNCH', amount: 1 }));
        const atResult = [...service.coupons];
        await time.runToEnd();
        if (result.outcome === 'ok') expect(atResult).toEqual(['LAUNCH']);
        else if (result.outcome !== 'unknown') expect(service.coupons).toEqual([]);
        // All but the last request cannot have changed anything.
        const harmless = ['refused', 'rateLimited', 'unavailable', 'timedOut'];
        for (const { fault } of service.seen.slice(0, -1)) expect(harmless).toContain(fault.kind);
      }),
      runs,
    );
  });
});

/**
 * No client can know of a request that the network doubled, where only the answer to its double arrives: that the coupon exists,
 * or that there is no batch call any more.
 */
function firstAnswerOfDoubled(fault: Fault): Fault {
  return { ...fault, isDecided: fault.kind === 'doubled' || fault.isDecided };
}

function resultOf(end: End<ClaimResult> | undefined): ClaimResult {
  if (end === undefined || 'error' in end) throw end?.error;
  return end.result;
}
