// SPDX-License-Identifier: GPL-3.0-or-later
import type { QueuedClaim } from './ticket.ts';

/** A dead letter. */
export type DeadLetter = {
  /** The same for the same message each time that it is read. Letters that are equal in all they hold share it. */
  id: string;
  /** Why it is a dead letter. */
  reason: string;
  /** When it became one, as RFC 3339; undefined where the message does not say. */
  diedAt: string | undefined;
  /** Undefined: it holds no claim that this service can decide. */
  claim: QueuedClaim | undefined;
  /** Why it holds none. */
  unreadable: string | undefined;
  sizeBytes: number;
  /** Undefined where it is larger than the visit wants it. */
  content: Uint8Array | undefined;
};

/** What becomes of a dead letter that was visited; `end` keeps it, and visits no further one. */
export type VisitEnd = 'keep' | 'remove' | 'end';

/** Sees one letter, and says what becomes of it. */
export type Visitor = (letter: DeadLetter) => Promise<VisitEnd>;

/** The dead letters at a broker. */
export type DeadLetterQueue = {
  /**
   * Visits the dead letters in their order, the oldest first, one at a time, with contents of up to `bytesMax`; the first
   * `visitedMax` of them. Those that are kept stay there in the same order. Visits take turns, also those of other nodes.
   * Resolves to the number of letters at its beginning. Rejects with the error of `visitor`, or with `overloaded` or
   * `unavailable`; then all letters stay that were not removed before.
   */
  visit(visitor: Visitor, bytesMax: number): Promise<{ total: number }>;
};

/** How many letters one call looks at. The broker delivers each of them for that. */
export const visitedMax = 10_000;
