// SPDX-License-Identifier: GPL-3.0-or-later
import type {
  ClaimQueue,
  Delivery,
  Disposition,
  PublishResult,
} from '../../src/core/tickets/ports.ts';
import type { QueuedClaim } from '../../src/core/tickets/ticket.ts';

/** A queue in memory. A test confirms what is published, and delivers what it wants. */
export class FakeClaimQueue implements ClaimQueue {
  readonly published: QueuedClaim[] = [];
  /** What was done with each delivery, by claim id. */
  readonly settled: [claimId: string, Disposition][] = [];
  /** `pause` and `resume`, in order. */
  readonly calls: string[] = [];
  private connection = 1;
  refusesAs: 'full' | 'away' | undefined;
  private readonly confirms: ((result: PublishResult) => void)[] = [];
  private onDelivery: ((delivery: Delivery) => void) | undefined;

  publish(claim: QueuedClaim): Promise<PublishResult> {
    this.published.push(claim);
    return new Promise((resolve) => this.confirms.push(resolve));
  }

  refusal(): 'full' | 'away' | undefined {
    return this.refusesAs;
  }

  /** Answers everything that is published and not answered yet. */
  answer(result: PublishResult): void {
    for (const confirm of this.confirms.splice(0)) confirm(result);
  }

  consume(onDelivery: (delivery: Delivery) => void): void {
    this.onDelivery = onDelivery;
  }

  pause(): void {
    this.calls.push('pause');
  }

  resume(): void {
    this.calls.push('resume');
  }

  /** Ends the connection: what it has delivered and the consumer has not settled is to be delivered again. */
  loseConnection(): void {
    this.connection += 1;
  }

  /** Delivers a claim to the consumer. */
  deliver(claim: QueuedClaim, partition = 0, abandoned = 0): void {
    const { connection } = this;
    this.onDelivery?.({
      ...{ claim, partition, abandoned },
      settle: (disposition) => this.settled.push([claim.claimId, disposition]),
      isLost: () => connection < this.connection,
    });
  }

  /** The kinds of what was settled, by claim id, in order. */
  get dispositions(): string[] {
    return this.settled.map(([claimId, { kind }]) => `${claimId} ${kind}`);
  }
}

/** A claim in the queue. By default it is the first attempt, and nobody waits. */
export function aQueuedClaim(claimId: string, members: Partial<QueuedClaim> = {}): QueuedClaim {
  return {
    ...{ claimId, couponName: 'LAUNCH', userId: `user of ${claimId}`, idempotencyKey: undefined },
    ...{ acceptedAtMs: 1_000, attempts: 0 },
    ...members,
  };
}
