// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import { type Announced, makeAnnouncedChange } from './announced-change.ts';
import { snapshotTtlMs } from './snapshot-ttl.ts';

/** Starts a change that the database announces once per announcement, and then makes. */
async function changing(announcements: readonly string[], answerMs = 0) {
  const clock = new FixedClock();
  const stopping = new AbortController();
  const attempts: { announcement: string | undefined; atMs: number }[] = [];
  const results: unknown[] = [];
  const attempt = async (announcement: string | undefined): Promise<string | Announced> => {
    const next = announcements[attempts.length];
    attempts.push({ announcement, atMs: clock.nowMs() });
    if (answerMs > 0) await clock.sleep(answerMs);
    return next === undefined ? 'changed' : { announcement: next };
  };
  void makeAnnouncedChange(attempt, { clock, stopping: stopping.signal }).then(
    (result) => results.push(result),
    (error: unknown) => results.push(error),
  );
  await flushPromises();
  return { clock, stopping, attempts, results };
}

describe('makeAnnouncedChange', () => {
  it('makes a change at once that the database does not announce', async () => {
    const { attempts, results, clock } = await changing([]);
    expect(results).toEqual(['changed']);
    expect(attempts).toEqual([{ announcement: undefined, atMs: 0 }]);
    expect(clock.pending).toBe(0);
  });

  it('makes an announced change only after every older snapshot has expired', async () => {
    const { clock, attempts, results } = await changing(['5']);
    await clock.advance(snapshotTtlMs);
    expect(attempts).toEqual([{ announcement: undefined, atMs: 0 }]);
    expect(results).toEqual([]);
    await clock.advance(100);
    expect(results).toEqual(['changed']);
    expect(attempts[1]?.announcement).toBe('5');
  });

  it('counts the wait from the arrival of the announcement, however long that took', async () => {
    const { clock, attempts } = await changing(['5'], 2000);
    await clock.advance(2000 + snapshotTtlMs);
    expect(attempts).toHaveLength(1);
    await clock.advance(100);
    expect(attempts).toHaveLength(2);
  });

  it('waits again for each further announcement, as after other changes that were made first', async () => {
    const { clock, attempts, results } = await changing(['5', '7', '9']);
    await clock.advance(10_000);
    expect(results).toEqual(['changed']);
    expect(attempts.map(({ announcement }) => announcement)).toEqual([undefined, '5', '7', '9']);
    for (const [index, { atMs }] of attempts.slice(1).entries()) {
      expect(atMs - (attempts[index]?.atMs ?? 0)).toBeGreaterThan(snapshotTtlMs);
    }
  });

  it('gives up with nothing changed after ten seconds of announcements', async () => {
    const { clock, attempts, results } = await changing(
      Array.from({ length: 1000 }, (_, i) => `${i}`),
    );
    await clock.advance(10_000);
    expect(results).toMatchObject([{ code: 'unavailable' }]);
    expect(attempts.at(-1)?.atMs).toBeLessThanOrEqual(10_000);
    expect(clock.pending).toBe(0);
  });

  it('rejects at once with nothing changed when the service stops', async () => {
    const { clock, stopping, attempts, results } = await changing(['5']);
    stopping.abort();
    await flushPromises();
    expect(results).toMatchObject([{ code: 'unavailable', detail: 'the service is stopping' }]);
    expect(attempts).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it('passes on the failure of an attempt', async () => {
    const { signal } = new AbortController();
    const failed = makeAnnouncedChange(() => Promise.reject(new Error('away')), {
      ...{ clock: new FixedClock(), stopping: signal },
    });
    await expect(failed).rejects.toThrow('away');
  });
});
