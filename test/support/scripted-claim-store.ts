// SPDX-License-Identifier: GPL-3.0-or-later
import type { ClaimOutcome } from '../../src/core/claims/claim-outcome.ts';
import type {
  BatchAnswer,
  ClaimAttempt,
  ClaimBatch,
  ClaimStore,
  MultiCouponAnswer,
  RefusalReason,
} from '../../src/core/claims/ports.ts';
import { settled } from './fixed-clock.ts';

type Settlement = 'committed' | 'void';

/** A store that does nothing by itself: a test sees what it is asked, and says what it answers. */
export class ScriptedClaimStore implements ClaimStore {
  /** Every call in order: `batch <id>: <users>`, `bundle <ids>: <users>`, `void <id>`. */
  readonly calls: string[] = [];
  readonly sent: ClaimBatch[] = [];
  readonly bundles: (readonly ClaimBatch[])[] = [];
  readonly lookUps: (readonly string[])[] = [];
  private readonly answers: ((answer: BatchAnswer) => void)[] = [];
  private readonly bundleAnswers: ((answer: MultiCouponAnswer) => void)[] = [];
  private readonly settlements: {
    resolve(how: Settlement): void;
    reject(error: unknown): void;
  }[] = [];
  coupons = new Set<string>();

  claimBatch(batch: ClaimBatch): Promise<BatchAnswer> {
    const users = batch.attempts.map(({ userId }) => userId).join(' ');
    this.calls.push(`batch ${batch.batchId}: ${users}`);
    this.sent.push(batch);
    return new Promise((resolve) => this.answers.push(resolve));
  }

  claimMultiCoupon(batches: readonly ClaimBatch[]): Promise<MultiCouponAnswer> {
    const ids = batches.map(({ batchId }) => batchId).join(' ');
    const users = batches.map(({ attempts }) => attempts.map(({ userId }) => userId)).join(' ');
    this.calls.push(`bundle ${ids}: ${users}`);
    this.bundles.push(batches);
    return new Promise((resolve) => this.bundleAnswers.push(resolve));
  }

  voidBatch(_couponName: string, batchId: string): Promise<Settlement> {
    this.calls.push(`void ${batchId}`);
    return new Promise((resolve, reject) => this.settlements.push({ resolve, reject }));
  }

  findCouponNames(names: readonly string[]): Promise<ReadonlySet<string>> {
    this.lookUps.push(names);
    return Promise.resolve(new Set(names.filter((name) => this.coupons.has(name))));
  }

  /** Users of the batches that were sent, a list for each. */
  get users(): string[][] {
    return this.sent.map(({ attempts }) => attempts.map(({ userId }) => userId));
  }

  /** Answers the batch sent as number `index`, counted from 0. */
  async answer(index: number, answer: BatchAnswer): Promise<void> {
    nth(this.answers, index, 'batch')(answer);
    await settled();
  }

  /** All of the batch have won. */
  decide(index: number): Promise<void> {
    const attempts = this.sent[index]?.attempts ?? [];
    return this.answer(index, {
      kind: 'decided',
      outcomes: attempts.map((attempt, place) => claimed(attempt, place + 1)),
      commitSeconds: 0.001,
    });
  }

  /** Answers the bundle sent as number `index`, counted from 0. */
  async answerBundle(index: number, answer: MultiCouponAnswer): Promise<void> {
    nth(this.bundleAnswers, index, 'bundle')(answer);
    await settled();
  }

  /** Of the bundle these users have won; the others are left undecided. */
  decideBundle(index: number, winners: string): Promise<void> {
    const outcomes = (this.bundles[index] ?? []).map(({ attempts: [attempt] }) =>
      attempt && winners.includes(attempt.userId) ? claimed(attempt, 1) : undefined,
    );
    return this.answerBundle(index, { kind: 'decided', outcomes, commitSeconds: 0.001 });
  }

  refuse(index: number, reason: RefusalReason): Promise<void> {
    return this.answer(index, { kind: 'refused', reason, cause: new Error(reason) });
  }

  lose(index: number): Promise<void> {
    return this.answer(index, { kind: 'unknown', cause: new Error('connection lost') });
  }

  /** Answers the void mark that was asked as number `index`: how it settled, or a failure. */
  async settle(index: number, how: Settlement | Error): Promise<void> {
    const { resolve, reject } = nth(this.settlements, index, 'void mark');
    if (how instanceof Error) reject(how);
    else resolve(how);
    await settled();
  }
}

function nth<Item>(items: readonly Item[], index: number, what: string): Item {
  const item = items[index];
  if (item === undefined) throw new Error(`${what} ${index} was not asked for`);
  return item;
}

/** A maker of ids: the prefix, and a number that grows from 1. */
export function numbered(prefix: string): () => string {
  let count = 0;
  return () => {
    count += 1;
    return `${prefix}${count}`;
  };
}

/** The outcome of an attempt that has won a place. */
export function claimed(attempt: ClaimAttempt, position: number): ClaimOutcome {
  const { claimId, couponName, userId } = attempt;
  return {
    outcome: 'claimed',
    claim: { claimId, couponName, userId, position, claimedAt: '2030-01-01T00:00:00Z' },
  };
}

/** An attempt of a user at a coupon, under a claim id that tells both. */
export function anAttempt(userId: string, couponName = 'LAUNCH'): ClaimAttempt {
  return { userId, couponName, claimId: `claim-of-${userId}`, idempotencyKey: undefined };
}
