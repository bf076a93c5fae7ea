// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { overviewOf } from '../../../test/support/fake-sale.ts';
import { FixedClock } from '../../../test/support/fixed-clock.ts';
import type { Health, OutcomeHistory, OutcomeSecond, Overview, Problem } from '../../client.ts';
import { RefusedCallError, SaleFeed } from './sale-feed.ts';
import { type SaleView, viewOf } from './sale-view.ts';

const startMs = Date.parse('2030-01-31T18:00:10.000Z');
const timeOf = (ms: number) => new Date(startMs + ms).toISOString();
const claimedIn = (ms: number, claimed: number): OutcomeSecond => ({
  ...{ at: timeOf(ms), complete: true, outcomes: { claimed }, unattributed: {} },
  ...{ p50_ms: null, p99_ms: null, waiting_claims: 0, remaining_amount: null },
});
const problem = (code: Problem['code'], instance = 'urn:request:1') =>
  ({ code, instance, status: 503, detail: `detail of ${code}` }) as Problem;

const secondAt = (view: SaleView | undefined, ms: number) =>
  view?.seconds.find(({ atMs }) => atMs === startMs + ms);

/** A service that answers as the test sets it. */
function setup() {
  const clock = new FixedClock();
  const service = {
    refusal: undefined as Problem | undefined,
    overview: {} as Partial<Overview>,
    history: { from: timeOf(-10_000), until: timeOf(-2_000), seconds: [], unknown: [] } as Omit<
      OutcomeHistory,
      'coupon_name'
    >,
    histories: 0,
    events: [] as OutcomeSecond[],
  };
  const answer = <Value>(value: Value) =>
    Promise.resolve(
      service.refusal === undefined
        ? { outcome: 'ok' as const, status: 200, value, replayed: false }
        : { outcome: service.refusal.code, status: 503, problem: service.refusal },
    ) as never;
  const now = () => ({ at: timeOf(clock.nowMs()), server_time: timeOf(clock.nowMs()) });
  const feed = new SaleFeed({
    ...{ couponName: 'LAUNCH', clock },
    client: {
      readOverview: () => answer(overviewOf({ ...now(), ...service.overview })),
      readOutcomeHistory() {
        service.histories += 1;
        return answer({ coupon_name: 'LAUNCH', ...service.history });
      },
      async *streamOutcomes() {
        yield* service.events.splice(0);
      },
      readHealth: () => answer({ status: 'healthy' } as Health),
    },
  });
  const ended = new AbortController();
  const view = () => viewOf(feed, clock.nowMs());
  return { clock, service, feed, ended, view };
}

describe('a feed of a sale', () => {
  it('has the last minutes at the start, and says how old its data is', async () => {
    const { clock, service, feed, ended, view } = setup();
    service.history.seconds = [claimedIn(-3_000, 40)];
    expect(view()).toBeUndefined();
    await feed.start(ended.signal);
    expect(view()).toMatchObject({
      ...{ serverMs: startMs, stockAgeS: 0, answersAgeS: 2, health: { status: 'healthy' } },
      ...{ lastSecond: { claimed: 40 }, tenSeconds: { claimed: 5 } },
    });
    expect(view()?.soldOutInS).toBeCloseTo(1_234 / 5);
    await clock.advance(4_000);
    expect(view()).toMatchObject({ serverMs: startMs + 4_000, stockAgeS: 4, answersAgeS: 6 });
  });

  it('keeps its numbers while the service is away, says why, and goes on when it is back', async () => {
    const { clock, service, feed, ended, view } = setup();
    let reads = 0;
    await feed.start(ended.signal);
    const run = feed.run(ended.signal, () => {
      reads += 1;
    });
    await clock.advance(2_000);
    expect(view()).toMatchObject({ stockAgeS: 0, trouble: undefined });
    expect(reads).toBe(3);
    service.refusal = problem('unavailable', '');
    await clock.advance(10_000);
    expect(view()).toMatchObject({
      ...{ stockAgeS: 10, trouble: 'it does not answer', health: undefined },
      overview: { coupon: { remaining_amount: 1_234 } },
    });
    service.refusal = problem('unavailable');
    await clock.advance(1_000);
    expect(view()?.trouble).toBe('it refuses: detail of unavailable');
    service.refusal = undefined;
    await clock.advance(2_000);
    expect(view()).toMatchObject({ stockAgeS: 0, trouble: undefined });
    ended.abort();
    await run;
  });

  it('takes new seconds, and reads the history again for those that the stream left out', async () => {
    const { clock, service, feed, ended, view } = setup();
    await feed.start(ended.signal);
    const run = feed.run(ended.signal, () => undefined);
    service.events = [claimedIn(-2_000, 7)];
    await clock.advance(1_000);
    expect(view()?.lastSecond?.claimed).toBe(7);
    await clock.advance(10_000);
    expect(service.histories).toBe(1);
    service.events = [claimedIn(0, 9)];
    service.history.until = timeOf(1_000);
    await clock.advance(11_000);
    expect(service.histories).toBe(2);
    expect(secondAt(view(), -1_000)?.outcomes).toEqual({});
    ended.abort();
    await run;
  });

  it('ends where the key or the name is refused', async () => {
    const { clock, service, feed, ended } = setup();
    await feed.start(ended.signal);
    const run = feed.run(ended.signal, () => undefined);
    const end = expect(run).rejects.toThrow(RefusedCallError);
    service.refusal = problem('unauthorized');
    await clock.advance(2_000);
    await end;
    expect(clock.pending).toBe(0);
  });

  it('does not start without an overview', async () => {
    const { service, feed, ended } = setup();
    service.refusal = problem('coupon_not_found');
    await expect(feed.start(ended.signal)).rejects.toMatchObject({
      problem: { code: 'coupon_not_found' },
    });
  });
});

describe('the remaining units of a second', () => {
  it('are those that the service has read, where it has', async () => {
    const { service, feed, ended, view } = setup();
    service.history.seconds = [{ ...claimedIn(-3_000, 40), remaining_amount: 77 }];
    await feed.start(ended.signal);
    expect(secondAt(view(), -3_000)?.remaining).toBe(77);
  });
});

describe('the time to sold out', () => {
  it('follows the stock and not the counted claims, as soon as it is known for 15 seconds', async () => {
    const { clock, service, feed, ended, view } = setup();
    service.history.seconds = [claimedIn(-3_000, 8_000)];
    await feed.start(ended.signal);
    const run = feed.run(ended.signal, () => undefined);
    for (let second = 1; second <= 20; second += 1) {
      service.overview = { claimed: 8_766 + 10 * second };
      await clock.advance(1_000);
    }
    expect(view()?.soldOutInS).toBeCloseTo(123.4, 0);
    service.overview = { coupon: overviewOf({ coupon: { state: 'paused' } }).coupon };
    await clock.advance(1_000);
    expect(view()?.soldOutInS).toBeUndefined();
    ended.abort();
    await run;
  });
});
