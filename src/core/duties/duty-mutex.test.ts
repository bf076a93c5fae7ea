// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { type DutyMutex, withDutyMutex } from './duty-mutex.ts';
import type { DutyLeases, Lease } from './ports.ts';

const lease: Lease = { duty: 'stock_check', epoch: '7' };

function setup(mutexIs: Awaited<ReturnType<DutyMutex['acquire']>>, found: () => Lease | undefined) {
  const calls: string[] = [];
  const leases: DutyLeases = {
    list: async () => [],
    async acquire() {
      calls.push('acquire lease');
      return found();
    },
    renew: async () => true,
    async release() {
      calls.push('release lease');
    },
  };
  const guarded = withDutyMutex(leases, {
    acquire: async () => mutexIs,
    async release() {
      calls.push('release mutex');
    },
  });
  return { guarded, calls };
}

describe('withDutyMutex', () => {
  it('leaves the database alone while another process has the mutex', async () => {
    const { guarded, calls } = setup('held', () => lease);
    expect(await guarded.acquire('stock_check')).toBeUndefined();
    expect(calls).toEqual([]);
  });

  it.each(['acquired', 'unknown'] as const)(
    'acquires the lease where the mutex is %s',
    async (is) => {
      const { guarded, calls } = setup(is, () => lease);
      expect(await guarded.acquire('stock_check')).toBe(lease);
      expect(calls).toEqual(['acquire lease']);
      await guarded.release(lease);
      expect(calls).toEqual(['acquire lease', 'release lease', 'release mutex']);
    },
  );

  it('gives the mutex back at once where it gets no lease', async () => {
    const { guarded, calls } = setup('acquired', () => undefined);
    expect(await guarded.acquire('stock_check')).toBeUndefined();
    expect(calls).toEqual(['acquire lease', 'release mutex']);
  });

  it('gives the mutex back at once where the database fails', async () => {
    const { guarded, calls } = setup('acquired', () => {
      throw new Error('away');
    });
    await expect(guarded.acquire('stock_check')).rejects.toThrow('away');
    expect(calls).toEqual(['acquire lease', 'release mutex']);
  });
});
