// SPDX-License-Identifier: GPL-3.0-or-later
/** The messages between the drop and its client processes. */
import type { HistogramPairs } from '../src/proof/drill/histogram.ts';

/** The work of one client process. Its users have the numbers from `from` up to, not including, `to`. */
export type DropOrder = {
  host: string;
  port: number;
  couponName: string;
  from: number;
  to: number;
  connections: number;
  seed: number;
};

/** Responses so far, by kind. */
export type DropCounts = {
  /** Users with at least one response. */
  users: number;
  claimed: number;
  /** The same claim again, under the same key. */
  replayed: number;
  refused: number;
  /** Any other response. */
  otherwise: number;
  /** Requests sent again because their connection broke. */
  resent: number;
};

/** The final outcome of one user, as one byte. */
export const userOutcomes = { unanswered: 0, claimed: 1, refused: 2, otherwise: 3 } as const;

/** All acknowledged claims, stored as columns. */
export type Winners = { users: Int32Array; positions: Int32Array; claimIds: string[] };

/** A message from a client process. */
export type ClientMessage =
  | { type: 'connected' }
  | { type: 'progress'; counts: DropCounts; recent: HistogramPairs }
  | {
      type: 'end';
      counts: DropCounts;
      latency: HistogramPairs;
      winners: Winners;
      /** One of `userOutcomes` for each user, starting with user `from`. */
      outcomes: Uint8Array;
      violations: string[];
    };

/** A message to a client process: first the order, then, when all processes are connected, `begin`. */
export type ParentMessage = { type: 'order'; order: DropOrder } | { type: 'begin' };

// Leaves room for the offset that `userNumber` derives from the seed.
const usersMax = 1_000_000_000;

/** The number of the user with this index. Most seeds give different users. */
export function userNumber(index: number, seed: number): number {
  return 1 + index + ((Math.imul(seed, 2_654_435_761) >>> 0) % (2_147_483_646 - usersMax));
}

/** Whether a user sends the claim twice: while the first request is in flight, or after its response. 5 % do. */
export function retryOf(index: number, seed: number): 'meanwhile' | 'afterwards' | undefined {
  const draw = mixed(index, seed) % 1000;
  if (draw < 25) return 'meanwhile';
  return draw < 50 ? 'afterwards' : undefined;
}

/** A pseudorandom number, the same for the same arguments (the finalizer of MurmurHash3). */
function mixed(index: number, seed: number): number {
  let hash = (index ^ Math.imul(seed, 0x9e3779b9)) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
