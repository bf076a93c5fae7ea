// SPDX-License-Identifier: GPL-3.0-or-later
import type { DutyLeases, DutyName, Lease } from './ports.ts';

/**
 * A mutex over all nodes, in front of the acquisition of leases: it saves the database the attempts of nodes that would not get
 * the lease. It guarantees nothing: the lease with its epoch does.
 */
export type DutyMutex = {
  /**
   * `acquired`, or `held` while another node has it. `unknown` when it is away or does not answer in time: then the lease
   * alone decides.
   */
  acquire(duty: DutyName): Promise<'acquired' | 'held' | 'unknown'>;
  /** Gives it back. Never rejects. */
  release(duty: DutyName): Promise<void>;
};

/** Puts a mutex in front of the acquisition of leases. */
export function withDutyMutex(leases: DutyLeases, mutex: DutyMutex): DutyLeases {
  return {
    ...leases,
    async acquire(duty) {
      if ((await mutex.acquire(duty)) === 'held') return undefined;
      let lease: Lease | undefined;
      try {
        lease = await leases.acquire(duty);
        return lease;
      } finally {
        if (lease === undefined) await mutex.release(duty);
      }
    },
    async release(lease) {
      await leases.release(lease);
      await mutex.release(lease.duty);
    },
  };
}
