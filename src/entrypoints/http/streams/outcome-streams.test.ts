// SPDX-License-Identifier: GPL-3.0-or-later
import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { FixedClock } from '../../../../test/support/fixed-clock.ts';
import type { OutcomeSecond, OutcomeWindow } from '../../../core/outcomes/ports.ts';
import { OutcomeStreams } from './outcome-streams.ts';
import { StreamCounts } from './stream-counts.ts';

class Client extends EventEmitter {
  received = '';
  writableLength = 0;
  isEnded = false;

  write(bytes: Buffer | string): boolean {
    this.received += bytes.toString();
    return true;
  }

  end(bytes: Buffer | string): this {
    this.isEnded = true;
    this.write(bytes);
    return this;
  }

  destroy(): this {
    this.emit('close');
    return this;
  }

  /** The seconds of its events, in the order in which they came. */
  get seconds(): number[] {
    return [...this.received.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
  }
}

const claimed = (second: number, count: number): OutcomeSecond => ({
  ...{ second, isComplete: true, outcomes: { claimed: count }, times: [], waiting: 0 },
  remaining: undefined,
});

function setup() {
  const clock = new FixedClock();
  const counts = new StreamCounts(10);
  const database = { isAway: false, reads: 0, seconds: [] as OutcomeSecond[] };
  const streams = new OutcomeStreams({
    ...{ clock, counts, random: () => 0 },
    outcomes: {
      async latest(names) {
        database.reads += 1;
        if (database.isAway) throw new Error('away');
        const last = 100 + Math.floor(clock.nowMs() / 1_000);
        const window: OutcomeWindow = {
          ...{ first: last - 29, last, gaps: [], seconds: database.seconds },
          clockMs: clock.nowMs() + 200,
        };
        return new Map([...names.filter((name) => name !== 'never'), ''].map((n) => [n, window]));
      },
    },
  });
  const follow = async (isAllowed: () => Promise<boolean> = async () => true, couponName = 'C') => {
    const client = new Client();
    const target = { response: client as never, connection: client as never };
    await streams.open({ couponName, isAllowed, startResponse: () => target });
    return client;
  };
  return { clock, counts, database, streams, follow };
}

describe('a stream of outcomes', () => {
  it('has an event for each second, and one read serves all streams', async () => {
    const { clock, database, follow } = setup();
    const clients = [await follow(), await follow()];
    await clock.advance(3_000);
    for (const client of clients) expect(client.seconds).toEqual([100, 101, 102, 103]);
    expect(database.reads).toBe(5);
  });

  it('has the seconds of an outage afterwards, and a second again whose counts come late', async () => {
    const { clock, database, follow } = setup();
    const client = await follow();
    database.isAway = true;
    await clock.advance(3_000);
    expect(client.seconds).toEqual([100]);
    database.isAway = false;
    await clock.advance(1_000);
    expect(client.seconds).toEqual([100, 101, 102, 103, 104]);
    database.seconds = [claimed(102, 7)];
    await clock.advance(1_000);
    expect(client.seconds.slice(5)).toEqual([102, 105]);
    expect(client.received).toContain('"outcomes":{"claimed":7}');
  });

  it('ends within a minute after its sender may not follow it any more, and not while that is unknown', async () => {
    const { clock, follow } = setup();
    const states: (boolean | Error)[] = [true, new Error('away'), false];
    const client = await follow(async () => {
      const state = states.shift() as boolean | Error;
      if (state instanceof Error) throw state;
      return state;
    });
    await clock.advance(125_000);
    expect([client.isEnded, states.length]).toEqual([false, 1]);
    await clock.advance(60_000);
    expect(client.isEnded).toBe(true);
  });

  it('is not opened for what is no coupon, and reads nothing when nobody follows', async () => {
    const { clock, counts, database, follow } = setup();
    await expect(follow(undefined, 'never')).rejects.toMatchObject({ code: 'coupon_not_found' });
    const client = await follow();
    client.destroy();
    const { reads } = database;
    await clock.advance(5_000);
    expect([database.reads, counts.open, clock.pending]).toEqual([reads, 0, 0]);
  });

  it('ends when the service stops, and no further one is opened', async () => {
    const { streams, follow } = setup();
    const client = await follow();
    streams.stop();
    expect(client.isEnded).toBe(true);
    await expect(follow()).rejects.toMatchObject({ code: 'unavailable' });
  });
});
