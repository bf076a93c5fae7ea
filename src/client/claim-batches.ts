// SPDX-License-Identifier: GPL-3.0-or-later

import type { ClaimCouponArguments } from './api-types.ts';
import { readBatchAnswer } from './batch-answer.ts';
import { BatchedClaim, type ClaimLimits } from './batched-claim.ts';
import { attemptMs, type Connection } from './call.ts';
import { ClaimQueue } from './claim-queue.ts';
import { type Ending, unanswered } from './ending.ts';
import { environment } from './environment.ts';
import type { ClaimResult } from './results.ts';
import { delayMs } from './retry.ts';
import { type Answer, isProblem, type Lost, send } from './send.ts';
import { claimResult } from './to-result.ts';
import { WakeTimer } from './wake-timer.ts';

/** Sends a claim in a request of its own, for a service without the batch call. */
export type ClaimAlone = (args: ClaimCouponArguments, limits: ClaimLimits) => Promise<ClaimResult>;

// Claims that end so close to each other end together.
const grainMs = 10;

/**
 * Sends claims in batches, in the order of the calls. A claim waits only while all connections are busy; those that come
 * meanwhile go together. A claim whose result is temporary is sent again without the others of its batch.
 */
export class ClaimBatches {
  private readonly connection: Connection;
  private readonly connectionsMax: number;
  private readonly claimAlone: ClaimAlone;
  private readonly queue = new ClaimQueue();
  private readonly underWay = new Set<readonly BatchedClaim[]>();
  /** Claims that wait until they are sent again. */
  private delayed: BatchedClaim[] = [];
  /** Claims whose callers have no result. */
  private pending = 0;
  private willSend = false;
  /** The service has no batch call. */
  private isMissing = false;
  private readonly timer = new WakeTimer(() => this.wake());

  constructor(connection: Connection, connectionsMax: number, claimAlone: ClaimAlone) {
    this.connection = connection;
    this.connectionsMax = connectionsMax;
    this.claimAlone = claimAlone;
  }

  /** Resolves by the deadline. Rejects when the signal aborts; the claim is decided anyway if it was sent. */
  claim(args: ClaimCouponArguments, limits: ClaimLimits): Promise<ClaimResult> {
    if (this.isMissing) return this.claimAlone(args, limits);
    if (limits.signal?.aborted) return Promise.reject(limits.signal.reason);
    return new Promise((resolve, reject) => {
      const claim = new BatchedClaim(args, limits, resolve, reject);
      if (claim.signal !== undefined) this.watchSignal(claim, claim.signal);
      this.pending += 1;
      this.queue.add(claim);
      this.timer.wakeAt(claim.deadlineMs - grainMs);
      this.sendSoon();
    });
  }

  private watchSignal(claim: BatchedClaim, signal: AbortSignal): void {
    claim.onAbort = () => {
      this.end(claim);
      claim.reject(signal.reason);
    };
    signal.addEventListener('abort', claim.onAbort);
  }

  /** After the other calls of this moment, so that their claims go together. */
  private sendSoon(): void {
    if (this.willSend || this.underWay.size >= this.connectionsMax) return;
    this.willSend = true;
    queueMicrotask(() => {
      this.willSend = false;
      while (this.underWay.size < this.connectionsMax) {
        const batch = this.queue.takeBatch();
        if (batch.length === 0) return;
        if (this.isMissing) {
          this.sendAlone(batch);
        } else {
          this.underWay.add(batch);
          void this.sendBatch(batch);
        }
      }
    });
  }

  private async sendBatch(batch: readonly BatchedClaim[]): Promise<void> {
    let deadlineMs = 0;
    for (const claim of batch) {
      claim.attempts += 1;
      deadlineMs = Math.max(deadlineMs, claim.deadlineMs);
    }
    const request = {
      ...{ method: 'POST', path: '/api/claims/batch' },
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ claims: batch.map(({ entry }) => entry) }),
    };
    const limitMs = attemptMs(deadlineMs - environment.now(), 'repeat');
    try {
      this.takeAnswer(batch, await send(this.connection.service, request, limitMs));
    } catch (error) {
      for (const claim of batch) if (this.end(claim)) claim.reject(error);
    }
    this.underWay.delete(batch);
    this.sendSoon();
  }

  private takeAnswer(batch: readonly BatchedClaim[], answer: Answer | Lost): void {
    if (!('isLost' in answer) && isProblem(answer.body) && answer.body.code === 'route_not_found') {
      this.isMissing = true;
      this.sendAlone(batch);
      return;
    }
    // The same for all, so that they go together again.
    const random = environment.random();
    if (!('isLost' in answer)) {
      this.connection.budget.answered(batch.some(({ attempts }) => attempts > 1));
    }
    readBatchAnswer(batch, answer, (claim, ending) => {
      if (claim.isDone) return;
      if (ending.isFinal) {
        this.resolve(claim, ending);
      } else {
        this.delay(claim, ending, random);
      }
    });
  }

  private delay(claim: BatchedClaim, ending: Ending, random: number): void {
    claim.earlier = ending;
    claim.dueAtMs = environment.now() + delayMs(claim.attempts, ending.retryAfter, random);
    if (claim.dueAtMs >= claim.deadlineMs) {
      this.resolve(claim, ending);
    } else {
      this.delayed.push(claim);
      this.timer.wakeAt(claim.dueAtMs);
    }
  }

  /** Ends the claims whose time is over, and sends those again whose delay is. */
  private wake(): void {
    const nowMs = environment.now();
    let nextMs = Number.POSITIVE_INFINITY;
    const endIfLate = (claim: BatchedClaim, isSent: boolean) => {
      if (claim.isDone) return;
      if (claim.deadlineMs <= nowMs + grainMs) this.resolve(claim, lateEnding(claim, isSent));
      else nextMs = Math.min(nextMs, claim.deadlineMs - grainMs);
    };
    for (const batch of this.underWay) for (const claim of batch) endIfLate(claim, true);
    for (const claim of this.queue.all()) endIfLate(claim, false);
    for (const claim of this.delayed) endIfLate(claim, false);

    const isDue = (claim: BatchedClaim) => claim.dueAtMs <= nowMs;
    this.delayed = this.delayed.filter((claim) => !claim.isDone);
    const due = this.delayed.filter(isDue);
    // They go together, so the repeat is one request.
    if (due.length > 0 && this.connection.budget.take()) {
      this.delayed = this.delayed.filter((claim) => !isDue(claim));
      this.queue.addFirst(due);
    } else {
      for (const claim of due) claim.dueAtMs = nowMs + delayMs(claim.attempts, undefined);
    }
    for (const claim of this.delayed) nextMs = Math.min(nextMs, claim.dueAtMs);
    this.sendSoon();
    this.timer.wakeAt(nextMs);
  }

  private sendAlone(claims: readonly BatchedClaim[]): void {
    for (const claim of claims) {
      if (claim.isDone) continue;
      const { entry, deadlineMs, signal, earlier } = claim;
      const limits = { key: entry.idempotency_key, deadlineMs, signal, earlier };
      this.claimAlone(claimOf(entry), limits).then(
        (result) => this.end(claim) && claim.resolve(result),
        (error) => this.end(claim) && claim.reject(error),
      );
    }
  }

  private resolve(claim: BatchedClaim, ending: Ending): void {
    if (this.end(claim)) claim.resolve(claimResult(ending, claim.entry.idempotency_key));
  }

  /** Returns false if the caller has its result already. */
  private end(claim: BatchedClaim): boolean {
    if (claim.isDone) return false;
    claim.isDone = true;
    if (claim.onAbort !== undefined) claim.signal?.removeEventListener('abort', claim.onAbort);
    this.pending -= 1;
    // It must not keep a process alive that has nothing else to do.
    if (this.pending === 0) this.timer.stop();
    return true;
  }
}

function claimOf({ coupon_name, user_id }: BatchedClaim['entry']): ClaimCouponArguments {
  return user_id === undefined ? { coupon_name } : { coupon_name, user_id };
}

function lateEnding({ earlier }: BatchedClaim, isSent: boolean): Ending {
  if (!isSent && earlier !== undefined) return earlier;
  const cause = new Error('no answer before the deadline');
  return unanswered({ isLost: true, isSent, cause, retryAfter: null }, earlier, 'repeat');
}
