// SPDX-License-Identifier: GPL-3.0-or-later
import type { Claim, ClaimChange, ClaimCommand } from '../../src/core/claims/claim.ts';
import {
  type BatchAnswer,
  type BatchCommand,
  type BatchResolution,
  type ClaimBatch,
  type ClaimStore,
  isChange,
  type MultiCouponAnswer,
  type RefusalReason,
  type SentChange,
  type TicketedClaim,
} from '../../src/core/claims/ports.ts';
import { byTest } from './by-test.ts';
import { flushPromises } from './fixed-clock.ts';

/** A store without behaviour: a test sees each call, and decides what it returns and when. */
export class ScriptedClaimStore implements ClaimStore {
  /**
   * Every call in order: `batch <id>: <users>`, `multi-coupon <ids>: <users>`, `void <id>`. A change is
   * `<change>-<user>`.
   */
  readonly calls: string[] = [];
  readonly sent: ClaimBatch[] = [];
  readonly multiCouponBatches: (readonly ClaimBatch[])[] = [];
  readonly lookUps: (readonly string[])[] = [];
  private readonly answers: ((answer: BatchAnswer) => void)[] = [];
  private readonly multiCouponAnswers: ((answer: MultiCouponAnswer) => void)[] = [];
  private readonly resolutions: {
    resolve(resolution: BatchResolution): void;
    reject(error: unknown): void;
  }[] = [];
  coupons = new Set<string>();

  decideBatch(batch: ClaimBatch): Promise<BatchAnswer> {
    const commands = batch.commands.map((command) =>
      isChange(command) ? `${command.change}-${command.userId}` : command.userId,
    );
    this.calls.push(`batch ${batch.batchId}: ${commands.join(' ')}`);
    this.sent.push(batch);
    return new Promise((resolve) => this.answers.push(resolve));
  }

  claimMultiCoupon(batches: readonly ClaimBatch[]): Promise<MultiCouponAnswer> {
    const ids = batches.map(({ batchId }) => batchId).join(' ');
    const users = batches.map(({ commands }) => commands.map(({ userId }) => userId)).join(' ');
    this.calls.push(`multi-coupon ${ids}: ${users}`);
    this.multiCouponBatches.push(batches);
    return new Promise((resolve) => this.multiCouponAnswers.push(resolve));
  }

  resolveBatch(_couponName: string, batchId: string): Promise<BatchResolution> {
    this.calls.push(`void ${batchId}`);
    return new Promise((resolve, reject) => this.resolutions.push({ resolve, reject }));
  }

  findCouponNames(names: readonly string[]): Promise<ReadonlySet<string>> {
    this.lookUps.push(names);
    return Promise.resolve(new Set(names.filter((name) => this.coupons.has(name))));
  }

  /** The users of each batch that was sent. */
  get users(): string[][] {
    return this.sent.map(({ commands }) => commands.map(({ userId }) => userId));
  }

  /** Answers the batch with this index, counted from 0. */
  async answer(index: number, answer: BatchAnswer): Promise<void> {
    nth(this.answers, index, 'batch')(answer);
    await flushPromises();
  }

  /** Answers that every claim of the batch has won, and that every change is made. */
  decide(index: number): Promise<void> {
    const commands = this.sent[index]?.commands ?? [];
    return this.answer(index, {
      kind: 'decided',
      outcomes: commands.map((command, place) =>
        isChange(command) ? changed(command) : claimed(command, place + 1),
      ),
      commitSeconds: 0.001,
    });
  }

  /** Answers the multi-coupon batch with this index, counted from 0. */
  async answerMultiCoupon(index: number, answer: MultiCouponAnswer): Promise<void> {
    nth(this.multiCouponAnswers, index, 'multi-coupon batch')(answer);
    await flushPromises();
  }

  /** Answers that these users of the multi-coupon batch have won, and leaves the others undecided. */
  decideMultiCoupon(index: number, winners: string): Promise<void> {
    const outcomes = (this.multiCouponBatches[index] ?? []).map(({ commands: [command] }) =>
      command && winners.includes(command.userId) ? claimed(command, 1) : undefined,
    );
    return this.answerMultiCoupon(index, { kind: 'decided', outcomes, commitSeconds: 0.001 });
  }

  refuse(index: number, reason: RefusalReason): Promise<void> {
    return this.answer(index, { kind: 'refused', reason, cause: new Error(reason) });
  }

  loseAnswer(index: number): Promise<void> {
    return this.answer(index, { kind: 'unknown', cause: new Error('connection lost') });
  }

  /** Answers the call to resolve a batch with this index: `committed` without changes, `void`, or a failure. */
  async resolve(
    index: number,
    resolution: BatchResolution | BatchResolution['kind'] | Error,
  ): Promise<void> {
    const { resolve, reject } = nth(this.resolutions, index, 'void mark');
    if (resolution instanceof Error) reject(resolution);
    else if (resolution === 'committed') resolve({ kind: resolution, changes: [] });
    else resolve(resolution === 'void' ? { kind: resolution } : resolution);
    await flushPromises();
  }
}

function nth<Item>(items: readonly Item[], index: number, what: string): Item {
  const item = items[index];
  if (item === undefined) throw new Error(`there was no call for ${what} ${index}`);
  return item;
}

/** A source of ids: the prefix, and a number that grows from 1. */
export function numbered(prefix: string): () => string {
  let count = 0;
  return () => {
    count += 1;
    return `${prefix}${count}`;
  };
}

/** The outcome of a command that has won this position. */
export function claimed(command: BatchCommand, position: number) {
  return { outcome: 'claimed' as const, claim: claimOf(command, position) };
}

/** The outcome of a change that is made; a release shows its reason. */
export function changed(command: SentChange) {
  const { reason } = command;
  return {
    outcome: 'changed' as const,
    claim: { ...claimOf(command, 1), ...(reason && { reason }) },
  };
}

function claimOf({ claimId = 'no id', couponName, userId }: BatchCommand, position: number): Claim {
  return {
    ...{ claimId, couponName, userId, position },
    ...{ claimedAt: '2030-01-01T00:00:00Z', state: 'confirmed' },
  };
}

/** A command of a user for a coupon, with a claim id that names the user. */
export function aCommand(userId: string, couponName = 'LAUNCH'): ClaimCommand {
  return { userId, couponName, claimId: `claim-of-${userId}`, idempotencyKey: undefined };
}

/** The same from the queue. */
export function aTicketedClaim(userId: string, couponName?: string): TicketedClaim {
  return { ...aCommand(userId, couponName), ticket: { acceptedAtMs: 1_900_000_000_000 } };
}

/** A change of the claim that `aCommand` makes, not announced. */
export function aChange(
  change: ClaimChange,
  userId: string,
  members: Partial<SentChange> = {},
): SentChange {
  return {
    ...{ change, userId, couponName: 'LAUNCH', claimId: `claim-of-${userId}` },
    ...{ idempotencyKey: undefined, reason: undefined, isFinal: false },
    ...{ mayReleaseConfirmed: false, by: byTest, announcement: undefined, ...members },
  };
}
