// SPDX-License-Identifier: GPL-3.0-or-later
import type { BatchedClaim } from './batched-claim.ts';

const claimsMax = 1000;
const bodyBytesMax = 1024 * 1024;
// The longest form of a UTF-16 code unit in JSON, `\u0000`; and what stands around three texts.
const bytesPerUnit = 6;
const bytesPerEntry = 60;

/** The claims that are not under way, in their order. Takes batches that are within the limits of the batch call. */
export class ClaimQueue {
  private claims: BatchedClaim[] = [];
  /** The place of the first claim. */
  private first = 0;

  add(claim: BatchedClaim): void {
    this.claims.push(claim);
  }

  /** Adds claims that came before all others. */
  addFirst(claims: BatchedClaim[]): void {
    if (claims.length > 0) this.replace(claims.concat(this.all()));
  }

  /** The next claims that are not done; none when the queue is empty. */
  takeBatch(): BatchedClaim[] {
    const batch: BatchedClaim[] = [];
    let bytes = '{"claims":[]}'.length;
    for (; this.first < this.claims.length; this.first += 1) {
      const claim = this.claims[this.first] as BatchedClaim;
      if (claim.isDone) continue;
      const { coupon_name, user_id, idempotency_key } = claim.entry;
      const units = String(coupon_name).length + String(user_id).length + idempotency_key.length;
      bytes += units * bytesPerUnit + bytesPerEntry;
      if (batch.length === claimsMax || (batch.length > 0 && bytes > bodyBytesMax)) break;
      batch.push(claim);
    }
    // Each claim is moved once at most for each one that is taken.
    if (this.first * 2 >= this.claims.length) this.replace(this.all());
    return batch;
  }

  /** All claims, in their order. */
  all(): BatchedClaim[] {
    return this.claims.slice(this.first);
  }

  private replace(claims: BatchedClaim[]): void {
    this.claims = claims;
    this.first = 0;
  }
}
