// SPDX-License-Identifier: GPL-3.0-or-later
/** How the claims of a coupon are answered, each second: the history, and the stream. */
import { afterEach, describe, expect, it } from 'vitest';
import { bearers, claimKey } from '../support/access-keys.ts';
import { expectInvalid, expectProblem } from '../support/contract-problems.ts';
import {
  type ContractService,
  decidesAtOnce,
  pathOf,
  until,
  useService,
} from '../support/contract-service.ts';
import { EventClient } from '../support/event-client.ts';
import { historyOf, sumOf, type Tally, untilCounted } from '../support/outcome-history.ts';
import { missed, waitFor } from '../support/wait-for.ts';

type Second = { at: string; complete: boolean; outcomes: Tally | null; unattributed: Tally | null };

const clients: EventClient[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

async function follow({ client }: ContractService, coupon: string): Promise<EventClient> {
  const stream = await EventClient.open(client.url, pathOf(coupon, 'outcomes'));
  clients.push(stream);
  return stream;
}

describe('the outcomes of a coupon', () => {
  const service = useService(decidesAtOnce);

  it('are in the history, by outcome and second, whichever process has answered', async () => {
    const coupon = await service.createCoupon({ amount: 2 });
    for (const user of ['ada', 'bob', 'ada', 'cy']) await service.client.claim(user, coupon);
    await service.withAnother(decidesAtOnce, async (other) => {
      await other.client.claim('dot', coupon);
      const history = await untilCounted(service, coupon, {
        ...{ claimed: 2, sold_out: 2, already_claimed: 1 },
      });
      expect(Object.keys(history)).toEqual(['coupon_name', 'from', 'until', 'seconds', 'unknown']);
      expect(history.coupon_name).toBe(coupon);
      expect(Date.parse(history.until) - Date.parse(history.from)).toBe(900_000);
      for (const second of history.seconds) {
        if (!second.complete) missed('the counts began in this second');
        expect(second.unattributed).toEqual({});
        // On a slow machine a claim may have waited at the end of a second.
        expect(second.waiting_claims).toBeGreaterThanOrEqual(0);
        // A second may have a row for its stock alone.
        const isAnswered = Object.keys(second.outcomes).length > 0;
        if (isAnswered) expect(second.p99_ms).toBeGreaterThanOrEqual(second.p50_ms);
        else expect([second.p50_ms, second.p99_ms]).toEqual([null, null]);
      }
    });
  });

  it('have the units that were left, also where they changed without a claim', async () => {
    const coupon = await service.createCoupon({ amount: 5, hold_seconds: 600 });
    /** Waits for a second with so many units, and returns it. A busy machine may store some too late, so each is repeated. */
    const untilLeft = (left: number, change: () => Promise<unknown>) =>
      until(
        async () => {
          await change();
          const { json } = await historyOf(service, coupon);
          return json.seconds.find((s: Remaining) => s.remaining_amount === left) as Remaining;
        },
        (second) => second !== undefined,
      );
    type Remaining = Second & { remaining_amount: number | null };
    const claim = (n: number) => service.client.claim(`user-${n}`, coupon);
    for (const n of [1, 2]) await claim(n);
    expect((await untilLeft(3, () => claim(1))).outcomes).not.toEqual({});
    const units = { add: 4 };
    const added = () =>
      service.client.post(pathOf(coupon, 'stock'), units, { 'Idempotency-Key': 'more' });
    expect(await untilLeft(7, added)).toMatchObject({ complete: true, outcomes: {} });
    await service.withAnother(decidesAtOnce, async (other) => {
      const path = pathOf(coupon, 'claims', 'user-1', 'release');
      const release = () => other.client.post(path, {}, { 'Idempotency-Key': 'back' });
      expect(await untilLeft(8, release)).toMatchObject({ complete: true, outcomes: {} });
    });
  });

  it('have the refusals from the sold-out cache', async () => {
    const coupon = await service.createCoupon({ amount: 1 });
    await service.mustClaim(coupon);
    const hits = async () => {
      const { text } = await service.client.get('/metrics');
      return Number(/^firstcome_sold_out_holders (\S+)$/m.exec(text)?.[1]);
    };
    await service.client.claim('late', coupon);
    await until(hits, (count) => count >= 1);
    for (let n = 0; n < 5; n += 1) await service.client.claim(`late-${n}`, coupon);
    await untilCounted(service, coupon, { claimed: 1, sold_out: 6 });
  });

  it('are unknown, and not zero, for the time before the counts began', async () => {
    const coupon = await service.createCoupon();
    const [gap] = await service.database.query<{ last_second: string }>(
      'select last_second from outcome_gaps where first_second = 0',
    );
    const known = new Date((Number(gap?.last_second) + 1) * 1_000).toISOString();
    const { json } = await historyOf(service, coupon);
    expect(json.unknown).toEqual([{ from: json.from, until: known }]);
    await service.database.query(
      `insert into outcome_gaps select s, s + 1 from
       (select floor(extract(epoch from clock_timestamp()))::bigint - 3 as s) now`,
    );
    const { json: later } = await historyOf(service, coupon, '?minutes=1');
    expect(later.unknown.length).toBeGreaterThanOrEqual(1);
    await service.database.query('truncate outcome_gaps');
    const { json: none } = await historyOf(service, coupon, '?minutes=1');
    expect(none).toMatchObject({ seconds: [], unknown: [{ from: none.from, until: none.until }] });
    // The next counts say from when on they are known.
    await service.mustClaim(coupon, { user: 'eve' });
    await until(
      () => service.database.query('select from outcome_gaps where first_second = 0'),
      (rows) => rows.length >= 1,
    );
  });

  it('have the claims that were refused before their body was read, under no coupon', async () => {
    const coupon = await service.createCoupon();
    await service.client.post('/api/coupons/claim', '{"');
    const { json } = await until(
      () => historyOf(service, coupon),
      ({ json: { seconds } }) => seconds.some((s: Second) => s.unattributed?.invalid_request === 1),
    );
    expect(sumOf(json.seconds)).toEqual({});
  });

  it('are refused for unknown coupons and other queries', async () => {
    expectProblem(await historyOf(service, 'never'), 'coupon_not_found');
    const coupon = await service.createCoupon();
    for (const query of ['?minutes=0', '?minutes=16', '?minutes=x', '?other=1']) {
      expect((await historyOf(service, coupon, query)).status, query).toBe(400);
    }
    expectInvalid(await historyOf(service, coupon, '?minutes=16'), 'minutes');
    expectProblem(await service.client.get(pathOf('never', 'outcomes')), 'coupon_not_found');
    expect(
      (await service.client.call({ method: 'HEAD', path: pathOf(coupon, 'outcomes') })).status,
    ).toBe(200);
  });

  it('come as events of seconds, one behind the other, with claims of all processes', async () => {
    const coupon = await service.createCoupon({ amount: 100 });
    const stream = await follow(service, coupon);
    expect(stream.response.headers).toMatchObject({
      ...{ 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' },
    });
    await service.withAnother(decidesAtOnce, async (other) => {
      await service.client.claim('ada', coupon);
      await other.client.claim('bob', coupon);
      // Earlier seconds may be unknown: an earlier test has made a gap.
      const isQuiet = ({ complete, outcomes }: Second) =>
        complete && Object.keys(outcomes ?? {}).length === 0;
      const events = await waitFor('events', () => {
        // The last event of a second counts: it comes again when counts arrive late.
        const byId = new Map(stream.events.map((event) => [event.id, event as unknown]));
        const seconds = [...byId.values()] as (Second & { id: string })[];
        return sumOf(seconds).claimed === 2 && seconds.some(isQuiet) ? seconds : undefined;
      });
      const ids = events.map(({ id }) => Number(id));
      // None is left out unless the process stalls for half a minute, as it may on a busy machine.
      expect(ids).toEqual([...new Set(ids)].sort((one, other) => one - other));
      expect(events.map(({ at }) => Date.parse(at) / 1_000)).toEqual(ids);
      expect(events.find(isQuiet)).toMatchObject({
        ...{ unattributed: {}, p50_ms: null, p99_ms: null, waiting_claims: 0 },
      });
    });
  });

  it('are no longer read when nobody follows them', async () => {
    const stream = await follow(service, await service.createCoupon());
    await waitFor('an event', () => stream.events.length >= 1);
    stream.close();
    await until(
      async () => (await service.client.get('/metrics')).text,
      (text) => /^firstcome_event_streams 0$/m.test(text),
    );
  });
});

describe('the outcomes of a coupon with a rate limit', () => {
  const service = useService({
    ...{ ...decidesAtOnce, CLAIM_API_KEY: claimKey, RATE_LIMIT_PER_USER: '1/1h' },
  });

  it('have the claims that the limit has refused, where their body was read', async () => {
    const coupon = await service.createCoupon();
    const body = { user_id: 'ada', coupon_name: coupon };
    for (let n = 0; n < 3; n += 1) {
      await service.client.post('/api/coupons/claim', body, bearers.claim);
    }
    await untilCounted(service, coupon, { claimed: 1, rate_limited: 2 });
  });
});
