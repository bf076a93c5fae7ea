// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import { StockDatabase } from '../../../test/support/stock-database.ts';
import { StockViewCache } from './stock-view-cache.ts';

function setup() {
  const clock = new FixedClock();
  const database = new StockDatabase(clock);
  const sources: string[] = [];
  const views = new StockViewCache({
    ...{ reader: database, clock, processId: 'a', waitingMax: 100 },
    random: () => 0.5,
    metrics: { viewRead: (source) => sources.push(source), viewsQueried: () => undefined },
  });
  database.commit('C', 10);
  /** Reads, and returns the units and the age. */
  const read = async (maxAgeMs: number, name = 'C') => {
    const reading = views.read(name, maxAgeMs);
    reading.catch(() => undefined);
    await clock.advance(database.wayMs.there + database.wayMs.back);
    const { view, ageMs } = await reading;
    return { units: view.coupon.remainingAmount, ageMs };
  };
  const watch = (name = 'C') => {
    const seen: number[] = [];
    const stop = views.watch(name, ({ coupon }) => seen.push(coupon.remainingAmount));
    return { seen, stop };
  };
  return { clock, database, sources, views, read, watch };
}

describe('a read of a view', () => {
  it('reads the database once for all reads within the age that they accept', async () => {
    const { clock, database, read, sources } = setup();
    expect(await read(10_000)).toEqual({ units: 10, ageMs: 0 });
    database.commit('C', 9);
    await clock.advance(1_000);
    expect(await read(10_000)).toEqual({ units: 10, ageMs: 1_000 });
    await clock.advance(1);
    expect(await read(1_001)).toEqual({ units: 10, ageMs: 1_001 });
    expect(await read(1_000)).toEqual({ units: 9, ageMs: 0 });
    expect(database.queries).toEqual([['C'], ['C']]);
    expect(sources).toEqual(['database', 'process', 'process', 'database']);
  });

  it('counts the age from the moment the query was sent, however long its answer took', async () => {
    const { database, read } = setup();
    database.wayMs = { there: 10, back: 300 };
    expect(await read(1_000)).toEqual({ units: 10, ageMs: 0 });
    expect(await read(1_000)).toEqual({ units: 10, ageMs: 310 });
  });

  it('finds a view that was refreshed before it is too old, if it was read since the last refresh', async () => {
    const { clock, database, read, sources } = setup();
    for (let ms = 0; ms < 5_000; ms += 50) {
      await read(1_000);
      await clock.advance(50);
    }
    expect(sources.filter((source) => source === 'database')).toHaveLength(1);
    expect(database.queries.length).toBeLessThanOrEqual(7);
    const { length } = database.queries;
    await clock.advance(20_000);
    expect(database.queries.length).toBeLessThanOrEqual(length + 1);
  });

  it('shares no query that was sent before it', async () => {
    const { clock, database, views } = setup();
    database.wayMs = { there: 0, back: 100 };
    const first = views.read('C', 50);
    await flushPromises();
    database.commit('C', 9);
    const second = views.read('C', 50);
    await clock.advance(200);
    expect((await first).view.coupon.remainingAmount).toBe(10);
    expect((await second).view.coupon.remainingAmount).toBe(9);
  });

  it('rejects for a name of no coupon, and while the database cannot be read', async () => {
    const { clock, database, read, views } = setup();
    await expect(views.read('none', 1_000)).rejects.toMatchObject({ code: 'coupon_not_found' });
    await read(1_000);
    database.isAway = true;
    await clock.advance(500);
    expect(await read(1_000)).toEqual({ units: 10, ageMs: 500 });
    await clock.advance(501);
    await expect(read(1_000)).rejects.toThrow('the database is away');
  });

  it('reads anew after another server may have taken over, whatever the clock of that one shows', async () => {
    const { database, read, views } = setup();
    await read(1_000);
    database.commit('C', 7);
    database.clockAheadMs -= 60_000;
    views.forgetAll();
    expect(await read(1_000)).toEqual({ units: 7, ageMs: 0 });
    expect(await read(1_000)).toEqual({ units: 7, ageMs: 0 });
  });

  it('keeps nothing of a query that was sent before another server took over', async () => {
    const { clock, database, views, read } = setup();
    database.wayMs = { there: 0, back: 50 };
    const before = views.read('C', 1_000);
    await clock.advance(10);
    views.forgetAll();
    database.commit('C', 9);
    await clock.advance(40);
    await before;
    expect(await read(1_000)).toEqual({ units: 9, ageMs: 0 });
  });

  it('shows the newest snapshot when the clock of the database steps back', async () => {
    const { clock, database, read, watch } = setup();
    const { seen } = watch();
    await read(1_000);
    database.clockAheadMs -= 60_000;
    database.commit('C', 9);
    await clock.advance(600);
    expect(seen.at(-1)).toBe(9);
    expect((await read(1_000)).units).toBe(9);
  });
});

describe('a watched coupon', () => {
  it('gets each change of this process within a tenth of a second, several together', async () => {
    const { clock, database, views, watch, read } = setup();
    await read(1_000);
    const { seen } = watch();
    for (const units of [9, 8, 7]) {
      database.commit('C', units);
      views.changed('C');
    }
    expect(seen).toEqual([]);
    await clock.advance(100);
    expect(seen).toEqual([7]);
    database.commit('C', 6);
    views.changed('C');
    await clock.advance(100);
    expect(seen).toEqual([7, 6]);
  });

  it('never misses a change that commits while a query is under way', async () => {
    const { clock, database, views, watch } = setup();
    database.wayMs = { there: 10, back: 150 };
    const { seen } = watch();
    await clock.advance(600);
    database.commit('C', 9);
    views.changed('C');
    await clock.advance(115);
    database.commit('C', 8);
    views.changed('C');
    await clock.advance(600);
    expect(seen.at(-1)).toBe(8);
  });

  it('is read twice a second without a change: another process or the time may change it', async () => {
    const { clock, database, watch } = setup();
    const { seen } = watch();
    await clock.advance(100);
    expect(seen).toEqual([10]);
    database.commit('C', 9);
    await clock.advance(500);
    expect(seen.at(-1)).toBe(9);
    expect(database.queries).toHaveLength(2);
  });

  it('costs nothing once nobody watches or reads it', async () => {
    const { clock, database, views, watch } = setup();
    const { stop, seen } = watch();
    await clock.advance(200);
    stop();
    await clock.advance(10_000);
    const { length } = database.queries;
    views.changed('C');
    views.changed('D');
    await clock.advance(10_000);
    expect(database.queries).toHaveLength(length);
    expect(seen).toEqual([10]);
  });

  it('has watchers that stop one by one, also where one function watches twice', async () => {
    const { clock, database, views } = setup();
    const seen: number[] = [];
    const onView = () => seen.push(1);
    const stops = [views.watch('C', onView), views.watch('C', onView)];
    stops[0]?.();
    stops[0]?.();
    await clock.advance(100);
    expect(seen).toEqual([1]);
    expect(database.queries).toHaveLength(1);
  });

  it('is tried twice a second while the database cannot be read', async () => {
    const { clock, database, watch } = setup();
    database.isAway = true;
    const { seen } = watch();
    await clock.advance(2_000);
    expect(database.queries.length).toBeLessThanOrEqual(5);
    database.isAway = false;
    await clock.advance(600);
    expect(seen[0]).toBe(10);
  });
});

it('refreshes what was read lately after a change of this process, at most twice a second', async () => {
  const { clock, database, views, read } = setup();
  await read(60_000);
  for (let units = 9; units > 0; units -= 1) {
    database.commit('C', units);
    views.changed('C');
    await clock.advance(100);
  }
  await clock.advance(500);
  expect((await read(60_000)).units).toBe(1);
  expect(database.queries.length).toBeLessThanOrEqual(4);
});

it('stops', async () => {
  const { clock, views, watch } = setup();
  watch();
  views.stop();
  expect(clock.pending).toBe(0);
});
