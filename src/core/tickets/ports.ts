// SPDX-License-Identifier: GPL-3.0-or-later
import type { QueuedClaim, Ticket, TicketProblem, TicketResult } from './ticket.ts';

/**
 * What became of a message to the broker.
 * - `confirmed`: the broker has stored it.
 * - `full`: the queue is full; the message is not stored.
 * - `away`: the broker is away or takes nothing at present; nothing was sent.
 * - `unknown`: it was sent, and no confirm came in time. It may be stored.
 */
export type PublishResult = 'confirmed' | 'full' | 'away' | 'unknown';

/** What to do with a message after an attempt to decide its claim. */
export type Disposition =
  | { kind: 'done' }
  /** Deliver it again after a delay that grows with the attempts. */
  | { kind: 'retry'; attempts: number; reason: string }
  | { kind: 'dead'; reason: string };

/** A claim that a consumer holds until it is settled. It may share a message with others, which are delivered together. */
export type Delivery = {
  claim: QueuedClaim;
  /** The part of the queue that it came from. Claims of one coupon are always in the same one. */
  partition: number;
  /** How often its message was delivered before, to consumers that ended without an answer. */
  abandoned: number;
  settle(disposition: Disposition): void;
  /** Whether the connection that delivered it has ended: then the queue delivers the claim again. */
  isLost(): boolean;
};

/** The queue of claims at a broker. */
export type ClaimQueue = {
  /**
   * Stores a claim in the queue, together with others of this turn of the event loop. Never rejects; settles within the time
   * limit of a confirm.
   */
  publish(claim: QueuedClaim): Promise<PublishResult>;
  /** Why nothing can be published now; undefined: it can. */
  refusal(): Exclude<PublishResult, 'confirmed' | 'unknown'> | undefined;
  /**
   * Delivers claims to the consumer, those of one partition in their order. A bounded number is delivered and not settled
   * at any time.
   */
  consume(onDelivery: (delivery: Delivery) => void): void;
  /** Delivers nothing more until `resume`. What was delivered stays with the consumer, and can be settled. */
  pause(): void;
  resume(): void;
};

/** The results of decided tickets, between nodes. A lost one is found by the next look of a waiter. */
export type TicketResults = {
  /** The address of this node; undefined while the broker is away. */
  readonly address: string | undefined;
  /** Sends results to the node with the address. Never rejects and never waits. */
  send(address: string, results: readonly (readonly [claimId: string, TicketResult])[]): void;
  /** Reports the results that arrive at this node. */
  onResults(
    listener: (results: readonly (readonly [claimId: string, TicketResult])[]) => void,
  ): void;
};

/** Where the final states of tickets are stored. */
export type TicketStore = {
  /**
   * Returns the state of a ticket. One past its time without a final state is stored as `expired` first. `gone`: its
   * row is past the retention.
   */
  read(ticket: Ticket): Promise<TicketResult | 'accepted' | 'gone'>;
  /** Returns the final states that are stored, by claim id, in one query for all. */
  readMany(claimIds: readonly string[]): Promise<ReadonlyMap<string, TicketResult>>;
  /** Stores `failed`, unless a final state is stored already. Returns what is stored. */
  fail(ticket: Ticket, problem: TicketProblem): Promise<TicketResult>;
};

/** The clock of the database, as this node last measured it: a lower bound, in milliseconds since 1970. */
export type DatabaseClock = {
  /** Undefined before the first measurement and after a change of the server. */
  nowMs(): number | undefined;
  /** Measures now. Rejects when the database does not answer. */
  measure(): Promise<number>;
};

/** What is counted of queued claims. Called on the hot path: an implementation adds to a number and returns. */
export type TicketMetrics = {
  /** The queue has confirmed a claim. */
  accepted(): void;
  /** The queue has not taken a claim, or has not confirmed it. */
  refused(result: Exclude<PublishResult, 'confirmed'>): void;
  /** A claim was answered: with the final state of its ticket, or with its ticket. */
  waitEnded(end: TicketResult['state'] | 'accepted'): void;
  /** A result that a request waited for was found in the database, since its message was lost or late. */
  foundByPoll(): void;
  /** This process has settled a ticket of this coupon, or found its stored final state. */
  settled(result: TicketResult, couponName: string): void;
  /** A decision has failed: the claim is delivered again, or has become a dead letter. */
  attemptFailed(next: 'retry' | 'dead'): void;
  /** The database is away, and this process has stopped to take claims from the queue. */
  paused(): void;
};
