// SPDX-License-Identifier: GPL-3.0-or-later
import type { DutyHolder } from './duties/ports.ts';

/**
 * Which failures an acknowledged claim survives:
 * - `replicated`: the loss of the primary, and all below, since a standby has confirmed the commit;
 * - `local`: a crash and the loss of power, since the commit is on the primary's disk;
 * - `unsafe`: neither, since the server is configured not to wait for the disk.
 */
export const durabilityLevels = ['replicated', 'local', 'unsafe'] as const;

/** One of `durabilityLevels`. */
export type Durability = (typeof durabilityLevels)[number];

/**
 * Why the service is not healthy, where it knows:
 * - `installation_changed`: the database is not the one that the service was started on.
 */
export const unhealthyReasons = ['installation_changed'] as const;

/** Whether the queue of claims can be used: `away` while RabbitMQ is not connected or takes no messages. */
export const queueStates = ['up', 'away'] as const;

/** How the service is. Without an answer of the database its durability is not known. */
export type Health = {
  healthy: boolean;
  durability: Durability | undefined;
  reason?: (typeof unhealthyReasons)[number];
  /** Undefined without a queue. Has no effect on `healthy`: all nodes share the queue, and none could replace another. */
  queue?: (typeof queueStates)[number] | undefined;
  /** The database still has the functions that only earlier releases call. */
  upgradeUnfinished?: boolean;
  /** Every duty and who runs it, as of some seconds ago. */
  duties?: readonly DutyHolder[] | undefined;
};
