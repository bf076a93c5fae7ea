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

/** The least durability that a service may require; `none`: it requires nothing. */
export const durabilityMinima = ['none', 'local', 'replicated'] as const;

/** One of `durabilityMinima`. */
export type DurabilityMin = (typeof durabilityMinima)[number];

/** Whether commits of this durability are as durable as is required. */
export function isDurableEnough(durability: Durability, min: DurabilityMin): boolean {
  return min === 'none' || durabilityLevels.indexOf(durability) <= durabilityLevels.indexOf(min);
}

/**
 * Why the service is not healthy, where it knows:
 * - `installation_changed`: the database is not the one that the service was started on;
 * - `history_lost`: the database lacks batches that were acknowledged, and no operator has accepted that;
 * - `commits_stalled`: the database answers, but no commit succeeds;
 * - `durability_too_low`: the database commits less durably than is required.
 */
export const unhealthyReasons = [
  'installation_changed',
  'history_lost',
  'commits_stalled',
  'durability_too_low',
] as const;

/** One of `unhealthyReasons`. */
export type UnhealthyReason = (typeof unhealthyReasons)[number];

/** Whether the queue of claims can be used: `away` while RabbitMQ is not connected or takes no messages. */
export const queueStates = ['up', 'away'] as const;

/** How the service is. Without an answer of the database its durability is not known. */
export type Health = {
  healthy: boolean;
  durability: Durability | undefined;
  reason?: UnhealthyReason;
  /** Undefined without a queue. Has no effect on `healthy`: all nodes share the queue, and none could replace another. */
  queue?: (typeof queueStates)[number] | undefined;
  /** The database still has the functions that only earlier releases call. */
  upgradeUnfinished?: boolean;
  /** Every duty and who runs it, as of some seconds ago. */
  duties?: readonly DutyHolder[] | undefined;
};
