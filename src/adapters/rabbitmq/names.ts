// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash } from 'node:crypto';

/** How many queues the claims are spread over. A change of it is a new version of the queues. */
export const partitionCount = 4;

/** The delays of the retry queues, in milliseconds. */
export const retryDelaysMs = [1_000, 5_000, 30_000] as const;

/** The names of the exchanges and queues of one installation and version. */
export type QueueNames = {
  claimsExchange: string;
  /** The queue of a partition, whose routing key is its number. */
  claimsQueue(partition: number): string;
  /** The exchange and the queue of a delay have the same name. */
  retry(delayMs: number): string;
  deadExchange: string;
  deadQueue: string;
};

/** The beginning of all names of an installation. A copy of its database has others, although it has the same first id. */
export function namePrefix(installationId: string): string {
  return `firstcome.${createHash('sha256').update(installationId).digest('hex').slice(0, 12)}`;
}

/** Names of a version, from 1. */
export function queueNames(prefix: string, version: number): QueueNames {
  return {
    claimsExchange: `${prefix}.claims.v${version}`,
    claimsQueue: (partition) => `${prefix}.claims.v${version}.${partition}`,
    retry: (delayMs) => `${prefix}.retry-${delayMs / 1_000}s.v${version}`,
    deadExchange: `${prefix}.dead.v${version}`,
    deadQueue: `${prefix}.dead-letters.v${version}`,
  };
}

const partitionsKept = 10_000;
const partitionByCoupon = new Map<string, number>();

/** The partition of a coupon, the same on all nodes. */
export function partitionOf(couponName: string): number {
  const known = partitionByCoupon.get(couponName);
  if (known !== undefined) return known;
  const partition = createHash('sha256').update(couponName).digest().readUInt8(0) % partitionCount;
  if (partitionByCoupon.size >= partitionsKept) partitionByCoupon.clear();
  partitionByCoupon.set(couponName, partition);
  return partition;
}
