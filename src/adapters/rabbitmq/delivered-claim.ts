// SPDX-License-Identifier: GPL-3.0-or-later
import type { Delivery, Disposition } from '../../core/tickets/ports.ts';
import type { QueuedClaim } from '../../core/tickets/ticket.ts';
import type { Delivered } from './partition-consumer.ts';

/** Moves a claim that is not decided. Resolves with false where it stays in its message, which is delivered again. */
export type MoveClaim = (
  message: UnsettledMessage,
  claim: QueuedClaim,
  disposition: Exclude<Disposition, { kind: 'done' }>,
) => Promise<boolean>;

/** A message that leaves its queue when all that it holds is settled. Delivered again, it holds all of it again. */
export class UnsettledMessage {
  readonly delivered: Delivered;
  /** How often consumers that ended have left it without an answer. */
  readonly abandoned: number;
  private left: number;

  constructor(delivered: Delivered, parts: number) {
    this.delivered = delivered;
    this.left = parts;
    const count: unknown = delivered.message.properties.headers?.['x-delivery-count'];
    this.abandoned = typeof count === 'number' ? count : 0;
  }

  settleOne(): void {
    this.left -= 1;
    if (this.left === 0) this.delivered.settle();
  }
}

/** One claim of a message that was delivered. */
export class DeliveredClaim implements Delivery {
  readonly claim: QueuedClaim;
  readonly partition: number;
  private readonly message: UnsettledMessage;
  private readonly move: MoveClaim;

  constructor(claim: QueuedClaim, partition: number, message: UnsettledMessage, move: MoveClaim) {
    this.claim = claim;
    this.partition = partition;
    this.message = message;
    this.move = move;
  }

  get abandoned(): number {
    return this.message.abandoned;
  }

  // Consumers may keep it apart from the delivery.
  readonly settle = (disposition: Disposition): void => {
    const { claim, message, move } = this;
    if (disposition.kind === 'done') {
      message.settleOne();
      return;
    }
    void move(message, claim, disposition).then((isMoved) => {
      if (isMoved) message.settleOne();
    });
  };

  isLost(): boolean {
    return this.message.delivered.isLost();
  }
}
