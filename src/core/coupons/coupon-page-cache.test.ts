// SPDX-License-Identifier: GPL-3.0-or-later
import { beforeEach, describe, expect, it } from 'vitest';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import { CouponPageCache } from './coupon-page-cache.ts';
import type { CouponPage, CouponQuery } from './ports.ts';

const query: CouponQuery = {
  ...{ cursor: undefined, limit: 10, order: 'oldest', archived: false },
  ...{ state: undefined, namePrefix: undefined },
};

describe('CouponPageCache', () => {
  let clock: FixedClock;
  let answers: ((page: CouponPage | Error) => void)[];
  let queries: CouponQuery[];
  let cache: CouponPageCache;

  beforeEach(() => {
    clock = new FixedClock();
    answers = [];
    queries = [];
    cache = new CouponPageCache({
      clock,
      listCoupons: (asked) =>
        new Promise((resolve, reject) => {
          queries.push(asked);
          answers.push((page) => (page instanceof Error ? reject(page) : resolve(page)));
        }),
    });
  });

  /** Answers the oldest query with a page that is recognised by its `next`. */
  const answer = async (next: string | Error) => {
    answers.shift()?.(next instanceof Error ? next : { coupons: [], next });
    await flushPromises();
  };
  const read = async (maxAgeMs: number, asked = query) => {
    const { page, ageMs } = await cache.list(asked, maxAgeMs);
    return [page.next, ageMs];
  };

  it('returns a page for as long as its age is accepted, counted from its query', async () => {
    const first = read(1_000);
    await clock.advance(300);
    await answer('a');
    expect(await first).toEqual(['a', 0]);
    await clock.advance(700);
    expect(await read(1_000)).toEqual(['a', 1_000]);
    await clock.advance(1);
    const second = read(1_000);
    await answer('b');
    expect(await second).toEqual(['b', 0]);
    expect(queries).toHaveLength(2);
  });

  it('shares a query with readers who come while it is under way, unless it ends too late for them', async () => {
    const first = read(100);
    await clock.advance(50);
    const [patient, strict] = [read(200), read(100)];
    await clock.advance(100);
    expect(queries).toHaveLength(1);
    await answer('a');
    expect([await first, await patient]).toEqual([
      ['a', 0],
      ['a', 150],
    ]);
    await clock.advance(500);
    await answer('b');
    // Its query was sent after the reader came.
    expect(await strict).toEqual(['b', 0]);
  });

  it('keeps apart what is asked differently', async () => {
    const changes: Partial<CouponQuery>[] = [
      ...[{ cursor: '7' }, { limit: 11 }, { order: 'newest' as const }, { archived: true }],
      ...[{ state: 'open' as const }, { namePrefix: 'open' }],
    ];
    const pages = [query, ...changes.map((change) => ({ ...query, ...change }))].map((asked) =>
      cache.list(asked, 1_000),
    );
    expect(queries).toHaveLength(7);
    for (const index of queries.keys()) await answer(String(index));
    expect((await Promise.all(pages)).map(({ page }) => page.next)).toEqual([
      ...['0', '1', '2', '3', '4', '5', '6'],
    ]);
  });

  it('forgets pages, and those of queries under way', async () => {
    const first = read(1_000);
    await clock.advance(10);
    cache.forgetAll();
    const later = clock.advance(1).then(() => read(1_000));
    await flushPromises();
    await answer('old server');
    expect(await first).toEqual(['old server', 0]);
    await answer('new server');
    expect((await later)[0]).toBe('new server');
    await clock.advance(1);
    cache.forgetAll();
    await clock.advance(1);
    const last = read(1_000);
    await answer('last');
    expect(await last).toEqual(['last', 0]);
  });

  it('rejects for all readers of a query that fails, and asks again', async () => {
    const failed = Promise.allSettled([read(1_000), read(1_000)]);
    await answer(new Error('away'));
    expect((await failed).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const next = read(1_000);
    await answer('a');
    expect(await next).toEqual(['a', 0]);
  });
});
