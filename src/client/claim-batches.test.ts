// SPDX-License-Identifier: GPL-3.0-or-later
import { afterEach, describe, expect, it } from 'vitest';
import { type Fault, ModelService } from '../../test/support/model-service.ts';
import { VirtualTime } from '../../test/support/virtual-time.ts';
import './claim-batches.ts';
import { FirstcomeError } from './errors.ts';
import { FirstcomeClient } from './firstcome-client.ts';

const none: Fault = { kind: 'none', delayMs: 20, isDecided: true };

function setup(options: { faults?: Fault[]; connections?: number; units?: number } = {}) {
  const { faults = [], connections = 1, units = 5000 } = options;
  const time = new VirtualTime();
  time.install();
  let place = 0;
  const service = new ModelService(time, units, () => faults[place++] ?? none);
  const send = service.fetch as typeof fetch;
  const client = new FirstcomeClient({
    ...{ url: 'http://service.example', fetch: send, coalesce: true, connections },
  });
  const claim = (user_id: string, options = {}) =>
    client.claim({ coupon_name: 'LAUNCH', user_id }, options);
  return { time, service, client, claim };
}

const sizes = ({ seen }: ModelService) => seen.map(({ keys }) => keys.length);
const users = (count: number) => Array.from({ length: count }, (_, place) => `user-${place}`);

afterEach(() => VirtualTime.restore());

describe('coalesced claims', () => {
  it('go out at once while a connection is free, and together while none is', async () => {
    const { time, service, claim } = setup();
    await time.result(claim('first'));
    const lone = claim('lone');
    await time.runUntil(() => service.seen.length > 1);
    expect(service.seen[1]?.atMs).toBe(20);
    const others = users(50).map((user) => claim(user));
    await time.ends([lone, ...others]);
    expect(sizes(service)).toEqual([1, 1, 50]);
  });

  it('are sent in the order of the calls, at most 1,000 in a request and as many requests as connections', async () => {
    const { time, service, claim } = setup({ connections: 2, faults: [{ ...none, delayMs: 50 }] });
    await time.ends(users(4300).map((user) => claim(user)));
    expect(sizes(service)).toEqual([1000, 1000, 1000, 1000, 300]);
    expect(service.seen.flatMap((request) => request.users)).toEqual(users(4300));
    expect(service.underWayMax).toBe(2);
  });

  it('stay below the size that the service accepts', async () => {
    const { time, service, claim } = setup();
    const long = users(1000).map((user) => `${user}${'\u{1f600}'.repeat(200)}`);
    const bytes: number[] = [];
    await time.ends(long.map((user) => claim(user)));
    for (const { users, keys } of service.seen) {
      const entry = (user: string, place: number) =>
        JSON.stringify({ coupon_name: 'LAUNCH', user_id: user, idempotency_key: keys[place] });
      bytes.push(Buffer.byteLength(`{"claims":[${users.map(entry).join(',')}]}`));
    }
    expect(Math.max(...bytes)).toBeLessThanOrEqual(1024 * 1024);
    expect(bytes.length).toBeGreaterThan(1);
  });

  it('that are aborted reject at once, and are not sent if they were not yet', async () => {
    const { time, service, claim } = setup();
    const controller = new AbortController();
    await time.result(claim('first'));
    const sent = claim('sent', { signal: controller.signal });
    await time.runUntil(() => service.seen.length > 1);
    const waiting = claim('waiting', { signal: controller.signal });
    const other = claim('other');
    controller.abort(new Error('enough'));
    await expect(sent).rejects.toThrow('enough');
    await expect(waiting).rejects.toThrow('enough');
    await time.result(other);
    expect(service.claims.map(({ user_id }) => user_id)).toEqual(['first', 'sent', 'other']);
  });

  it('whose result is temporary are repeated without the others', async () => {
    const { time, service, claim } = setup({ faults: [{ ...none, kind: 'entries' }] });
    const ends = await time.ends(users(4).map((user) => claim(user)));
    expect(ends.map((end) => 'result' in end && end.result.outcome)).toEqual(
      Array(4).fill('claimed'),
    );
    expect(ends.map(({ atMs }) => atMs === 20)).toEqual([true, false, true, false]);
    const [, ...repeats] = service.seen.map((request) => request.users);
    expect(repeats.flat().sort()).toEqual(['user-1', 'user-3']);
  });

  it('stay in doubt where the service loses the call for many claims after a lost answer', async () => {
    const faults: Fault[] = ['lostAfter', 'none', 'unauthorized'].map((kind) => ({
      ...none,
      kind: kind as Fault['kind'],
    }));
    const { time, service, claim } = setup({ faults });
    service.batchesLeft = 1;
    expect(await time.result(claim('ada'))).toMatchObject({ outcome: 'unknown' });
    expect(service.seen).toHaveLength(3);
  });

  it('go on together after an outage, with a token of the retry budget for each request', async () => {
    const faults = Array.from({ length: 12 }, (): Fault => ({ ...none, kind: 'unavailable' }));
    const { time, service, claim } = setup({ faults });
    const ends = await time.ends(users(2000).map((user) => claim(user)));
    expect(ends.every((end) => 'result' in end && end.result.outcome === 'claimed')).toBe(true);
    expect(service.seen.length).toBeLessThan(30);
  });

  it('reject where the results are not those of the claims', async () => {
    const bodies = [
      { results: [] },
      { results: [{ status: 200, coupon_name: 'LAUNCH', user_id: 'eve' }] },
      { results: [null] },
      { results: [{ status: 200 }] },
      { answer: 42 },
    ];
    for (const body of bodies) {
      const headers = { 'content-type': 'application/json' };
      const send = async () => new Response(JSON.stringify(body), { headers });
      const client = new FirstcomeClient({
        ...{ url: 'http://service.example', coalesce: true, fetch: send as typeof fetch },
      });
      const call = client.claim({ coupon_name: 'LAUNCH', user_id: 'ada' });
      await expect(call).rejects.toThrow(FirstcomeError);
    }
  });

  it('leave no timer behind, which would keep a process alive', async () => {
    const { time, claim } = setup();
    await time.ends(users(3).map((user) => claim(user)));
    expect(time.nowMs).toBe(20);
    await time.runToEnd();
    expect(time.nowMs).toBe(20);
  });
});

describe('claimMany', () => {
  it('returns a result for each claim, in their order', async () => {
    const { time, client, service } = setup({ units: 2 });
    const claims = users(3).map((user_id) => ({ coupon_name: 'LAUNCH', user_id }));
    const [first, ...others] = await time.result(
      client.claimMany([
        { ...claims[0], coupon_name: 'LAUNCH', idempotency_key: 'mine' },
        ...claims.slice(1),
      ]),
    );
    expect(first).toMatchObject({
      outcome: 'claimed',
      idempotency_key: 'mine',
      claim: { user_id: 'user-0' },
    });
    expect(others.map(({ outcome }) => outcome)).toEqual(['claimed', 'sold_out']);
    expect(sizes(service)).toEqual([3]);
    expect(await time.result(client.claimMany([]))).toEqual([]);
  });
});
