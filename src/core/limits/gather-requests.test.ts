// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import { gatherRequests } from './gather-requests.ts';
import { sharedMsMax, type WindowCount } from './rate-limit.ts';

/** Counts whose additions a test answers, in order. */
function setup() {
  const sent: { key: string; requests: number }[] = [];
  const answers: ((count: WindowCount | Error) => void)[] = [];
  const clock = new FixedClock();
  const shared = {
    add: (key: string, requests: number) =>
      new Promise<WindowCount>((resolve, reject) => {
        sent.push({ key, requests });
        answers.push((count) => (count instanceof Error ? reject(count) : resolve(count)));
      }),
    addEach: async () => [],
  };
  const counts = gatherRequests(shared, clock);
  return { counts, clock, sent, answer: (count: WindowCount | Error) => answers.shift()?.(count) };
}

describe('gathered requests', () => {
  it('of one key are added together while an addition is under way, and counted in order', async () => {
    const { counts, sent, answer } = setup();
    const first = counts.add('a', 1);
    const next = [counts.add('a', 2), counts.add('a', 1), counts.add('a', 4)];
    const other = counts.add('b', 1);
    expect(sent).toEqual([
      { key: 'a', requests: 1 },
      { key: 'b', requests: 1 },
    ]);
    answer({ requests: 11, endsInMs: 50 });
    answer({ requests: 1, endsInMs: 60 });
    expect(await first).toEqual({ requests: 11, endsInMs: 50 });
    expect(await other).toEqual({ requests: 1, endsInMs: 60 });
    expect(sent.slice(2)).toEqual([{ key: 'a', requests: 7 }]);
    // Another node has added two meanwhile.
    answer({ requests: 20, endsInMs: 40 });
    expect(await Promise.all(next)).toEqual([
      { requests: 15, endsInMs: 40 },
      { requests: 16, endsInMs: 40 },
      { requests: 20, endsInMs: 40 },
    ]);
    const last = counts.add('a', 1);
    answer({ requests: 21, endsInMs: 30 });
    expect(await last).toEqual({ requests: 21, endsInMs: 30 });
    expect(sent).toHaveLength(4);
  });

  it('fail together with the addition that they wait for, and the next one is sent anew', async () => {
    const { counts, sent, answer } = setup();
    const all = [counts.add('a', 1), counts.add('a', 1)];
    answer(new Error('away'));
    expect((await Promise.allSettled(all)).map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
    ]);
    const next = counts.add('a', 1);
    answer({ requests: 1, endsInMs: 10 });
    expect(await next).toEqual({ requests: 1, endsInMs: 10 });
    expect(sent).toHaveLength(2);
  });

  it('wait no longer than one addition may take, that before their own included', async () => {
    const { counts, clock, sent, answer } = setup();
    const first = counts.add('a', 1);
    await clock.advance(10);
    const next = counts.add('a', 2);
    let state = 'waiting';
    next.catch(() => {
      state = 'rejected';
    });
    await clock.advance(30);
    answer({ requests: 1, endsInMs: 60 });
    expect(await first).toEqual({ requests: 1, endsInMs: 60 });
    await clock.advance(sharedMsMax - 31);
    expect([state, sent.length]).toEqual(['waiting', 2]);
    const last = counts.add('a', 1);
    await clock.advance(1);
    expect(state).toBe('rejected');
    // It counts what was sent, all the same.
    answer({ requests: 3, endsInMs: 20 });
    await flushPromises();
    answer({ requests: 4, endsInMs: 10 });
    expect(await last).toEqual({ requests: 4, endsInMs: 10 });
    await flushPromises();
    expect(clock.pending).toBe(0);
  });
});
