// SPDX-License-Identifier: GPL-3.0-or-later
import { Mutex } from 'redis-semaphore';
import type { DutyMutex } from '../../core/duties/duty-mutex.ts';
import { type DutyName, leaseMs } from '../../core/duties/ports.ts';
import type { RedisConnection } from './redis.ts';

/** How many attempts had each result. */
export type DutyMutexCounts = Record<Awaited<ReturnType<DutyMutex['acquire']>>, number>;

/**
 * A mutex in Redis for each duty. It ends by itself after the time of a lease, and is never prolonged: a process that has
 * ended, or is paused, keeps the others out no longer than its lease does.
 */
export function redisDutyMutex(redis: RedisConnection): DutyMutex & { counts(): DutyMutexCounts } {
  const counts: DutyMutexCounts = { acquired: 0, held: 0, unknown: 0 };
  /** The mutex of each duty that this process has, or may have because an answer was late or lost. */
  const owned = new Map<DutyName, Mutex>();
  const keyOf = (duty: DutyName) => `${redis.prefix}duty:${duty}`;
  const giveBack = async (duty: DutyName) => {
    await owned.get(duty)?.release();
    owned.delete(duty);
  };
  const tryAcquire = async (duty: DutyName, isLate: () => boolean) => {
    await giveBack(duty);
    const mutex = new Mutex(redis.client, keyOf(duty), {
      ...{ lockTimeout: leaseMs, refreshInterval: 0 },
      // One attempt. The duties make the next one a second later.
      ...{ acquireAttemptsLimit: 1, retryInterval: 0 },
    });
    const { identifier } = mutex;
    // Its release deletes the mutex with this identifier, whether or not the attempt has had an answer.
    owned.set(duty, new Mutex(redis.client, keyOf(duty), { identifier, acquiredExternally: true }));
    const isAcquired = await mutex.tryAcquire();
    if (!isAcquired) owned.delete(duty);
    // Its caller has gone on without it. It must not keep the other nodes from the duty.
    else if (isLate()) await giveBack(duty);
    return isAcquired;
  };
  return {
    async acquire(duty) {
      let isLate = false;
      const result = await redis
        .run(() => tryAcquire(duty, () => isLate))
        .then(
          (isAcquired) => (isAcquired ? 'acquired' : 'held'),
          () => {
            isLate = true;
            return 'unknown' as const;
          },
        );
      counts[result] += 1;
      return result;
    },
    async release(duty) {
      await redis.run(() => giveBack(duty)).catch(() => undefined);
    },
    counts: () => counts,
  };
}
