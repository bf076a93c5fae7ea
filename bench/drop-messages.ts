// SPDX-License-Identifier: GPL-3.0-or-later
/** What the drop and its client processes tell each other. */
import type { HistogramPairs } from '../src/proof/drill/histogram.ts';

/** What a client process is to do. Its users are those with the numbers from `from` up to, not including, `to`. */
export type DropOrder = {
  host: string;
  port: number;
  couponName: string;
  from: number;
  to: number;
  connections: number;
  seed: number;
};

/** Answers so far, by what they say. */
export type DropCounts = {
  /** Users who have heard an answer. */
  users: number;
  claimed: number;
  /** The same claim again, under the same key. */
  replayed: number;
  refused: number;
  /** Anything else. */
  otherwise: number;
  /** Requests sent anew because their connection was lost. */
  resent: number;
};

/** How a user fared. */
export const fates = { unheard: 0, claimed: 1, refused: 2, otherwise: 3 } as const;

/** The claims that were acknowledged, one by one, as columns. */
export type Winners = { users: Int32Array; positions: Int32Array; claimIds: string[] };

/** What a client process tells. */
export type ClientMessage =
  | { type: 'connected' }
  | { type: 'progress'; counts: DropCounts; lately: HistogramPairs }
  | {
      type: 'end';
      counts: DropCounts;
      latency: HistogramPairs;
      winners: Winners;
      /** One of `fates` for each user, from `from` on. */
      fates: Uint8Array;
      violations: string[];
    };

/** What a client process is told: first the order, then, when all are connected, to begin. */
export type ParentMessage = { type: 'order'; order: DropOrder } | { type: 'begin' };

// So that most seeds give other users; see `userNumber`.
const usersMax = 1_000_000_000;

/** The user behind a number of the drop. */
export function userNumber(index: number, seed: number): number {
  return 1 + index + ((Math.imul(seed, 2_654_435_761) >>> 0) % (2_147_483_646 - usersMax));
}

/** Whether a user asks twice: while the first request is under way, or after its answer. Five in a hundred do. */
export function retryOf(index: number, seed: number): 'meanwhile' | 'afterwards' | undefined {
  const draw = mixed(index, seed) % 1000;
  if (draw < 25) return 'meanwhile';
  return draw < 50 ? 'afterwards' : undefined;
}

/** A number that looks random, the same for the same arguments (the finalizer of MurmurHash3). */
function mixed(index: number, seed: number): number {
  let hash = (index ^ Math.imul(seed, 0x9e3779b9)) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
