// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FixedClock } from '../../../../test/support/fixed-clock.ts';
import type { ServerAddress } from '../../../core/connection-location.ts';
import { messageOf } from '../../../core/error-message.ts';
import { type PrimaryFacts, PrimaryFinder } from './primary-finder.ts';

type State = PrimaryFacts | 'standby' | 'hangs';

const timeoutMs = 2_000;

const primary = (timeline: number, writes = true): PrimaryFacts => ({ writes, timeline });

/** Servers named a, b and so on, whose states a test may change. */
function servers(...states: State[]) {
  const clock = new FixedClock();
  const all = states.map(
    (_, index): ServerAddress => ({
      ...{ host: String.fromCharCode(97 + index), port: 5432 },
    }),
  );
  const asked: string[] = [];
  const moves: string[] = [];
  const finder = new PrimaryFinder({
    ...{ servers: all, clock },
    async ask(server, limitMs) {
      asked.push(server.host);
      const state = states[all.indexOf(server)];
      if (typeof state === 'object') return state;
      if (state === 'hangs') await clock.sleep(limitMs);
      throw new Error(state);
    },
  });
  finder.onMove(() => moves.push('moved'));
  /** Lets time pass until the work is done, at most a minute. */
  const done = async <Result>(work: Promise<Result>): Promise<Result> => {
    let isDone = false;
    const end = () => {
      isDone = true;
    };
    work.then(end, end);
    for (let ms = 0; !isDone && ms < 60_000; ms += 10) await clock.advance(10);
    return work;
  };
  /** The host that is found, or the reason why there is none. */
  const find = () => done(finder.find(timeoutMs).then(({ host }) => host, messageOf));
  return {
    ...{ states, clock, asked, moves, find },
    reject: (host: string) => finder.rejected(all[host.charCodeAt(0) - 97] as ServerAddress),
    doubt: () => done(finder.doubt(timeoutMs)),
    waitFor: () => finder.find(timeoutMs).then(({ host }) => host, messageOf),
    done,
  };
}

describe('PrimaryFinder', () => {
  it('asks each server once, however many connections wait, and remembers the primary', async () => {
    const { asked, moves, find } = servers('standby', primary(1), 'standby');
    expect(await Promise.all([find(), find(), find()])).toEqual(['b', 'b', 'b']);
    expect(await find()).toBe('b');
    expect(asked).toEqual(['a', 'b', 'c']);
    expect(moves).toEqual([]);
  });

  it('asks all servers again only after a connection to the primary has failed', async () => {
    const { states, moves, find, reject } = servers(primary(1), 'standby');
    expect(await find()).toBe('a');
    states.splice(0, 2, 'standby', primary(2));
    reject('b');
    expect(await find()).toBe('a');
    reject('a');
    expect(await find()).toBe('b');
    expect(moves).toEqual(['moved']);
    reject('b');
    expect(await find()).toBe('b');
    expect(moves).toEqual(['moved']);
  });

  it('says of each server why it is no primary', async () => {
    const { find } = servers('standby', 'hangs');
    expect(await find()).toBe('no server takes writes (a: standby; b: it has not answered yet)');
  });

  it('fails at once when each server has said no, and asks them no more than five times a second', async () => {
    const { clock, asked, find } = servers('standby', 'standby');
    const beganMs = clock.nowMs();
    const all = await Promise.all(Array.from({ length: 100 }, find));
    expect(new Set(all)).toEqual(new Set(['no server takes writes (a: standby; b: standby)']));
    expect(clock.nowMs() - beganMs).toBeLessThanOrEqual(20);
    while (clock.nowMs() - beganMs < 1_000) await find();
    expect(asked.filter((host) => host === 'a').length).toBeLessThanOrEqual(6);
  });

  it('finds a server within half a second of its promotion, also while the old primary hangs', async () => {
    const { states, clock, waitFor, done, asked } = servers('hangs', 'standby', 'standby');
    const found = waitFor();
    await clock.advance(450);
    states[2] = primary(2);
    const promotedMs = clock.nowMs();
    expect(await done(found)).toBe('c');
    expect(clock.nowMs() - promotedMs).toBeLessThanOrEqual(500);
    expect(asked.filter((host) => host === 'a')).toHaveLength(1);
  });

  it('asks nobody while no connection waits', async () => {
    const { clock, asked, find } = servers('standby', 'standby');
    await find();
    await clock.advance(10_000);
    expect(asked).toHaveLength(2);
    expect(clock.pending).toBe(0);
  });

  it.each([
    ['the higher timeline', primary(1), primary(2)],
    ['the one that accepts writes', primary(3, false), primary(2)],
  ])('chooses of two primaries %s', async (_, one, other) => {
    expect(await servers(one, other, 'hangs').find()).toBe('b');
    expect(await servers(other, one, 'hangs').find()).toBe('a');
  });

  it('keeps a primary that is slow, and leaves it for one on a higher timeline', async () => {
    const { states, moves, find, doubt } = servers(primary(2), primary(2), primary(1));
    const first = await find();
    await doubt();
    expect(await find()).toBe(first);
    expect(moves).toEqual([]);
    states[first === 'a' ? 1 : 0] = primary(3);
    await doubt();
    expect(await find()).toBe(first === 'a' ? 'b' : 'a');
    expect(moves).toEqual(['moved']);
  });

  it('leaves a primary that hangs as soon as another one answers', async () => {
    const { states, find, doubt } = servers(primary(1), 'standby');
    await find();
    states.splice(0, 2, 'hangs', 'standby');
    await doubt();
    states[1] = primary(2);
    expect(await find()).toBe('b');
  });
});
