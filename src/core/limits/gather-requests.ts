// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import { type SharedCounts, sharedMsMax, type WindowCount } from './rate-limit.ts';

type Waiter = {
  requests: number;
  arrivedMs: number;
  resolve(count: WindowCount): void;
  reject(error: unknown): void;
};

/**
 * Adds the requests of one key together: those that arrive while an addition of the key is under way are the next one. So
 * a key that every request counts for costs one addition in each round trip. Each caller gets the count as if it had been
 * alone, in order of arrival. When an addition fails, those that wait for it fail with it. No request waits longer than
 * `sharedMsMax` in all, the addition before its own included. An addition of many keys is one round trip as it is.
 */
export function gatherRequests(
  counts: SharedCounts,
  clock: Pick<Clock, 'atEndOfTurn' | 'nowMs' | 'sleep'>,
): SharedCounts {
  /** By key, while an addition of it is under way: the requests of the next one. */
  const waiting = new Map<string, Waiter[]>();

  /** Rejects the requests of a later addition when the first of them has waited for as long as it may. */
  const limitWait = (waiters: readonly Waiter[], ended: AbortSignal) => {
    const nowMs = clock.nowMs();
    const leftMs = sharedMsMax - nowMs + (waiters[0]?.arrivedMs ?? nowMs);
    const reject = () => {
      const late = new Error(`not counted within ${sharedMsMax} ms`);
      for (const waiter of waiters) waiter.reject(late);
    };
    // The answer may have arrived while this process was busy: it is read before the end of this turn.
    void clock.sleep(Math.max(leftMs, 0), ended).then(() => {
      if (!ended.aborted) clock.atEndOfTurn(reject);
    });
  };
  const send = async (key: string, waiters: Waiter[]): Promise<void> => {
    const sum = waiters.reduce((before, { requests }) => before + requests, 0);
    try {
      const { requests, endsInMs } = await counts.add(key, sum);
      let upTo = requests - sum;
      for (const waiter of waiters) {
        upTo += waiter.requests;
        waiter.resolve({ requests: upTo, endsInMs });
      }
    } catch (error) {
      for (const waiter of [...waiters, ...(waiting.get(key) ?? [])]) waiter.reject(error);
      waiting.delete(key);
      return;
    }
    const next = waiting.get(key) ?? [];
    if (next.length === 0) {
      waiting.delete(key);
      return;
    }
    waiting.set(key, []);
    const ended = new AbortController();
    limitWait(next, ended.signal);
    void send(key, next).finally(() => ended.abort());
  };

  return {
    addEach: (requests) => counts.addEach(requests),
    add: (key, requests) =>
      new Promise((resolve, reject) => {
        const waiter = { requests, arrivedMs: clock.nowMs(), resolve, reject };
        const next = waiting.get(key);
        if (next !== undefined) {
          next.push(waiter);
          return;
        }
        waiting.set(key, []);
        void send(key, [waiter]);
      }),
  };
}
