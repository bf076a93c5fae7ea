// SPDX-License-Identifier: GPL-3.0-or-later
/** Keeps the last batches that this process has acknowledged. */
import type { Claim } from '../claims/claim.ts';
import type { BatchOutcome, ClaimBatch, ClaimStore } from '../claims/ports.ts';
import type { AcknowledgedBatch } from './ports.ts';

type BatchName = Pick<ClaimBatch, 'batchId' | 'couponName'>;

const batchesMax = 100;

/** A ring of the last 100 acknowledged batches. Its places are reused, so that an addition allocates nothing. */
export class AcknowledgedBatches {
  private readonly places: AcknowledgedBatch[] = [];
  private readonly nowMs: () => number;
  private added = 0;

  /** `nowMs`: milliseconds since 1970. */
  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
  }

  /** How many batches were added since the start. */
  get count(): number {
    return this.added;
  }

  /** Adds a batch, unless it has acknowledged no claim and no change. */
  add({ batchId, couponName }: BatchName, outcomes: readonly (BatchOutcome | undefined)[]): void {
    let claims = 0;
    let changes = 0;
    let last: Claim | undefined;
    for (const outcome of outcomes) {
      if (outcome?.outcome === 'claimed') {
        claims += 1;
        // Others may be of an earlier batch; the one with the highest position is the newest.
        if (last === undefined || outcome.claim.position > last.position) last = outcome.claim;
      } else if (outcome?.outcome === 'changed') {
        changes += 1;
        last ??= outcome.claim;
      }
    }
    if (last === undefined) return;
    const place = this.nextPlace();
    place.batchId = batchId;
    place.couponName = couponName;
    place.claims = claims;
    place.changes = changes;
    place.userId = last.userId;
    place.position = last.position;
    // A batch with a change always has a row in the ledger, and its last claim proves nothing about the change.
    place.claimId = changes > 0 ? undefined : last.claimId;
    place.acknowledgedAtMs = this.nowMs();
  }

  /** Copies of all, the oldest first. */
  list(): AcknowledgedBatch[] {
    const oldest = this.added > batchesMax ? this.added % batchesMax : 0;
    return [...this.places.slice(oldest), ...this.places.slice(0, oldest)].map((batch) => ({
      ...batch,
    }));
  }

  private nextPlace(): AcknowledgedBatch {
    const index = this.added % batchesMax;
    this.added += 1;
    const place = this.places[index] ?? newPlace();
    this.places[index] = place;
    return place;
  }
}

/** The same store, which adds each batch that it has decided. A batch in doubt that had committed is added, too. */
export function recordAcknowledged(next: ClaimStore, batches: AcknowledgedBatches): ClaimStore {
  return {
    ...next,
    async decideBatch(batch) {
      const answer = await next.decideBatch(batch);
      if (answer.kind === 'decided') batches.add(batch, answer.outcomes);
      return answer;
    },
    async claimMultiCoupon(all) {
      const answer = await next.claimMultiCoupon(all);
      if (answer.kind === 'decided') {
        for (const [index, batch] of all.entries()) batches.add(batch, [answer.outcomes[index]]);
      }
      return answer;
    },
    async resolveBatch(couponName, batchId) {
      const resolution = await next.resolveBatch(couponName, batchId);
      // Its changes are answered from here; its claims are sent again, and found by their ids.
      if (resolution.kind === 'committed') {
        const changed = resolution.changes.map(
          ({ claim }) => ({ outcome: 'changed', claim }) as const,
        );
        batches.add({ batchId, couponName }, changed);
      }
      return resolution;
    },
  };
}

function newPlace(): AcknowledgedBatch {
  return {
    ...{ batchId: '', couponName: '', claims: 0, changes: 0 },
    ...{ userId: '', position: 0, claimId: undefined, acknowledgedAtMs: 0 },
  };
}
