// SPDX-License-Identifier: GPL-3.0-or-later
import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { aStockView, FakeStockViews } from '../../../../test/support/fake-stock-views.ts';
import { FixedClock, flushPromises } from '../../../../test/support/fixed-clock.ts';
import { StockStreams } from './stock-streams.ts';
import { StreamCounts } from './stream-counts.ts';

/** A connection that takes what is written to it at once, unless it is full. */
class Client extends EventEmitter {
  received: string[] = [];
  /** When each event came. */
  readonly eventTimes: number[] = [];
  writableLength = 0;
  isEnded = false;
  isDestroyed = false;
  private readonly clock: FixedClock;

  constructor(clock: FixedClock) {
    super();
    this.clock = clock;
  }

  write(bytes: Buffer | string): boolean {
    expect(this.isEnded, 'written after the end').toBe(false);
    this.received.push(bytes.toString());
    if (bytes.toString().includes('event:')) this.eventTimes.push(this.clock.nowMs());
    return true;
  }

  end(bytes: string): this {
    this.write(bytes);
    this.isEnded = true;
    return this;
  }

  destroy(): this {
    this.isDestroyed = true;
    this.emit('close');
    return this;
  }

  /** The data of the events. */
  get events(): { remaining_amount: number; claimed: number; state: string; at: string }[] {
    return this.received.flatMap((text) => {
      const data = /^data: (.*)$/m.exec(text)?.[1];
      return data === undefined ? [] : [JSON.parse(data)];
    });
  }

  get last(): number | undefined {
    return this.events.at(-1)?.remaining_amount;
  }

  get heartbeats(): number {
    return this.received.filter((text) => text === ':\n\n').length;
  }
}

function setup({
  openMax = 10_000,
  ...limits
}: {
  openMax?: number;
  writesPerSecondMax?: number;
} = {}) {
  const counts = new StreamCounts(openMax);
  const clock = new FixedClock();
  const views = new FakeStockViews();
  views.set(aStockView({ name: 'C', remainingAmount: 100 }));
  const streams = new StockStreams({
    ...{ counts, writesPerSecondMax: 2_000, ...limits },
    ...{ clock, views, random: () => 0.5 },
  });
  const open = async (couponName = 'C', lastEventId?: string) => {
    const client = new Client(clock);
    const target = { response: client as never, connection: client as never };
    await streams.open({ couponName, lastEventId, startResponse: () => target });
    return client;
  };
  const openMany = (count: number) => Promise.all(Array.from({ length: count }, () => open()));
  const sell = (remainingAmount: number, name = 'C') =>
    views.set(aStockView({ name, remainingAmount }));
  return { clock, views, counts, streams, open, openMany, sell };
}

describe('a stream of stock events', () => {
  it('begins with the stock as it is, the time of its snapshot as the id, and a hint for the next connection', async () => {
    const { open, views } = setup();
    views.set({ ...aStockView({ name: 'C', remainingAmount: 7 }), atMs: 1_700_000_000_000.25 });
    const client = await open();
    expect(client.received).toEqual([
      'retry: 3000\nid: 1700000000000250\nevent: stock\ndata: {"remaining_amount":7,"claimed":93,' +
        '"state":"open","at":"2023-11-14T22:13:20.000Z"}\n\n',
    ]);
  });

  it('gets each change within a tenth of a second, and nothing where the stock is the same', async () => {
    const { clock, open, sell } = setup();
    const client = await open();
    await clock.advance(1_000);
    sell(99);
    await clock.advance(20);
    expect(client.last).toBe(99);
    sell(99);
    await clock.advance(1_000);
    expect(client.events).toHaveLength(2);
  });

  it('follows the views in their order, also where the clock of the database was set back', async () => {
    const { clock, open, views } = setup();
    const client = await open();
    views.set(aStockView({ name: 'C', remainingAmount: 50, atMs: 1_000 }));
    await clock.advance(1_000);
    expect(client.events.map(({ remaining_amount: left }) => left)).toEqual([100, 50]);
  });

  it('gets at most ten events a second, and the newest one in the end', async () => {
    const { clock, open, sell } = setup();
    const client = await open();
    for (let remaining = 99; remaining >= 0; remaining -= 1) {
      sell(remaining);
      await clock.advance(13);
    }
    await clock.advance(100);
    expect(client.last).toBe(0);
    const gaps = client.eventTimes
      .slice(1)
      .map((ms, index) => ms - (client.eventTimes[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(100);
    expect(client.events.length).toBeGreaterThan(10);
  });

  it('shows a change that comes while its first view is read', async () => {
    const { clock, views, open, sell } = setup();
    const answer = views.holdReads();
    const opening = open();
    await flushPromises();
    sell(60);
    answer(aStockView({ name: 'C', remainingAmount: 61, atMs: 1 }));
    const client = await opening;
    await clock.advance(200);
    expect(client.events.map(({ remaining_amount: left }) => left)).toEqual([60]);
  });

  it('with Last-Event-ID begins with an event that is not older, and ignores an id that is none', async () => {
    const { views, open } = setup();
    views.set(aStockView({ name: 'C', remainingAmount: 5, atMs: 2_000 }));
    await open('C', '1999000');
    expect(views.freshReads).toBe(0);
    await open('C', '2000001');
    expect(views.freshReads).toBe(1);
    for (const id of ['', 'x', '-1', '99999999999999999', '1.5']) await open('C', id);
    expect(views.freshReads).toBe(1);
  });
});

describe('all streams', () => {
  it('share the writes of a second, and all get the newest event in the end', async () => {
    const { clock, openMany, sell } = setup({ writesPerSecondMax: 200 });
    const clients = await openMany(400);
    const written = () => clients.reduce((sum, { events }) => sum + events.length - 1, 0);
    for (let remaining = 99; remaining >= 50; remaining -= 1) {
      sell(remaining);
      await clock.advance(100);
    }
    expect(written()).toBeGreaterThan(950);
    expect(written()).toBeLessThanOrEqual(1_010);
    const counts = clients.map(({ events }) => events.length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    await clock.advance(4_000);
    expect(new Set(clients.map(({ last }) => last))).toEqual(new Set([50]));
    const before = written();
    await clock.advance(10_000);
    expect(written()).toBe(before);
  });

  it('of another coupon get none of its events', async () => {
    const { clock, views, open, sell } = setup();
    views.set(aStockView({ name: 'D', remainingAmount: 10 }));
    const [one, other] = [await open('C'), await open('D')];
    sell(9, 'D');
    await clock.advance(200);
    expect([one.last, other.last]).toEqual([100, 9]);
  });

  it('get a heartbeat every 15 seconds, spread over the time', async () => {
    const { clock, openMany } = setup();
    const clients = await openMany(300);
    const beats = () => clients.reduce((sum, { heartbeats }) => sum + heartbeats, 0);
    await clock.advance(100);
    expect(beats()).toBe(2);
    await clock.advance(14_900);
    expect(clients.every(({ heartbeats }) => heartbeats === 1)).toBe(true);
    await clock.advance(15_000);
    expect(clients.every(({ heartbeats }) => heartbeats === 2)).toBe(true);
  });

  it('are watched and timed only while there are any', async () => {
    const { counts, clock, views, open, sell } = setup();
    const client = await open();
    sell(50);
    expect([views.watched, clock.pending]).toEqual([1, 2]);
    client.destroy();
    await clock.advance(200);
    expect([views.watched, clock.pending, counts.state().open]).toEqual([0, 0, 0]);
    expect(client.events).toHaveLength(1);
  });
});

describe('a client that does not read', () => {
  it('is skipped, and gets the newest event once it reads', async () => {
    const { clock, open, sell } = setup();
    const client = await open();
    client.writableLength = 1;
    for (const remaining of [9, 8, 7]) {
      sell(remaining);
      await clock.advance(500);
    }
    expect(client.received).toHaveLength(1);
    client.writableLength = 0;
    await clock.advance(200);
    expect(client.events.map(({ remaining_amount: left }) => left)).toEqual([100, 7]);
  });

  it('is cut after 15 to 30 seconds', async () => {
    const { counts, clock, open } = setup();
    const client = await open();
    client.writableLength = 1;
    await clock.advance(15_000);
    expect(client.isDestroyed).toBe(false);
    await clock.advance(15_000);
    expect(client.isDestroyed).toBe(true);
    expect(counts.state()).toMatchObject({ open: 0, dropped: 1 });
  });

  it('is not cut when it has read in between', async () => {
    const { clock, open } = setup();
    const client = await open();
    for (let round = 0; round < 4; round += 1) {
      client.writableLength = 1;
      await clock.advance(15_000);
      client.writableLength = 0;
      await clock.advance(15_000);
    }
    expect(client.isDestroyed).toBe(false);
  });
});

describe('the limit of streams', () => {
  it('refuses one more as overloaded, until one is closed', async () => {
    const { counts, open, openMany } = setup({ openMax: 3 });
    const [first] = await openMany(3);
    await expect(open()).rejects.toMatchObject({ code: 'overloaded' });
    expect(counts.state()).toMatchObject({ open: 3, refused: 1, opened: 3 });
    first?.destroy();
    await open();
  });

  it('refuses a stream of an unknown coupon as such, also while none is free', async () => {
    const { counts, open, openMany } = setup({ openMax: 1 });
    await openMany(1);
    await expect(open('no coupon')).rejects.toMatchObject({ code: 'coupon_not_found' });
    expect(counts.state()).toMatchObject({ open: 1, refused: 0 });
  });

  it('counts streams that are about to open, and none that has failed', async () => {
    const { counts, open, views } = setup({ openMax: 1 });
    await expect(open('no coupon')).rejects.toMatchObject({ code: 'coupon_not_found' });
    const answer = views.holdReads();
    const opening = open();
    await flushPromises();
    const refused = expect(open()).rejects.toMatchObject({ code: 'overloaded' });
    answer(aStockView({ name: 'C', remainingAmount: 1 }));
    await opening;
    await refused;
    expect([counts.state().open, views.watched]).toEqual([1, 1]);
  });

  it('counts no client that is gone before its stream begins', async () => {
    const { counts, streams, views } = setup();
    const startResponse = () => undefined;
    await streams.open({ couponName: 'C', lastEventId: undefined, startResponse });
    expect([counts.state().open, views.watched]).toEqual([0, 0]);
  });
});

describe('a stop', () => {
  it('ends all streams with a hint, cuts those that do not read, and opens no further one', async () => {
    const { counts, clock, open, openMany, sell, streams, views } = setup();
    const [unread, ...others] = await openMany(3);
    if (unread !== undefined) unread.writableLength = 1;
    sell(5);
    streams.stop();
    expect(others.map(({ isEnded, received }) => [isEnded, received.at(-1)])).toEqual(
      others.map(() => [true, 'retry: 3000\n\n']),
    );
    expect(unread?.isDestroyed).toBe(true);
    await expect(open()).rejects.toMatchObject({ code: 'unavailable' });
    // A connection may close a while after the end of its stream.
    await clock.advance(60_000);
    for (const one of others) one.destroy();
    expect([views.watched, clock.pending, counts.state().open]).toEqual([0, 0, 0]);
  });

  it('spreads the clients of many streams over more time', async () => {
    const { openMany, streams } = setup();
    const clients = await openMany(9_000);
    streams.stop();
    expect(clients[0]?.received.at(-1)).toBe('retry: 5500\n\n');
  });
});
