// SPDX-License-Identifier: GPL-3.0-or-later
/** The users of one client process: sends their claims, and checks that later responses agree with earlier ones. */
import { performance } from 'node:perf_hooks';
import { Histogram } from '../src/proof/drill/histogram.ts';
import { type ClaimAnswer, ClaimConnection } from './claim-connection.ts';
import {
  type DropCounts,
  type DropOrder,
  retryOf,
  userNumber,
  userOutcomes,
  type Winners,
} from './drop-messages.ts';
import { userOf } from './set-up.ts';

const violationsMax = 20;
// A user who retries after the response lets so many other users send first.
const usersBeforeRetry = 500;

type PendingClaim = { index: number; sentMs: number };

/** `isNew`: one of its responses was no replay. */
type KnownClaim = { claimId: string; position: number; isNew: boolean };

/** Sends claims over all connections until every request of every user has a response. */
export class DropCrowd {
  readonly counts: DropCounts = {
    ...{ users: 0, claimed: 0, replayed: 0, refused: 0, otherwise: 0, resent: 0 },
  };
  readonly latency = new Histogram();
  /** Latencies since it was last cleared. */
  readonly recent = new Histogram();
  readonly outcomes: Uint8Array;
  readonly violations: string[] = [];
  private readonly order: DropOrder;
  private readonly connections: ClaimConnection[];
  private readonly pending = new Map<ClaimConnection, PendingClaim>();
  private readonly claims = new Map<number, KnownClaim>();
  private readonly duplicates: number[] = [];
  private readonly retries: { index: number; after: number }[] = [];
  private next: number;
  private onDone: () => void = () => undefined;

  constructor(order: DropOrder) {
    this.order = order;
    this.next = order.from;
    this.outcomes = new Uint8Array(order.to - order.from);
    this.connections = Array.from(
      { length: order.connections },
      () =>
        new ClaimConnection({
          ...order,
          onAnswer: (connection, answer) => this.onAnswer(connection, answer),
          onConnectionLost: (connection) => this.onConnectionLost(connection),
        }),
    );
  }

  async connect(): Promise<void> {
    for (const connection of this.connections) await connection.open();
  }

  /** Resolves when every request has a response. */
  run(): Promise<void> {
    return new Promise((resolve) => {
      this.onDone = resolve;
      for (const connection of this.connections) this.sendNext(connection);
    });
  }

  close(): void {
    for (const connection of this.connections) connection.close();
  }

  /** Every acknowledged claim. */
  winners(): Winners {
    const claims = [...this.claims];
    return {
      users: Int32Array.from(claims, ([index]) => index),
      positions: Int32Array.from(claims, ([, { position }]) => position),
      claimIds: claims.map(([, { claimId }]) => claimId),
    };
  }

  private sendNext(connection: ClaimConnection): void {
    const index = this.takeNext();
    if (index !== undefined) this.send(connection, { index, sentMs: 0 });
    else if (this.pending.size === 0) this.onDone();
  }

  private takeNext(): number | undefined {
    const duplicate = this.duplicates.pop();
    if (duplicate !== undefined) return duplicate;
    const allUsersSent = this.next >= this.order.to;
    const first = this.retries[0];
    if (first !== undefined && (allUsersSent || first.after <= this.next)) {
      return this.retries.shift()?.index;
    }
    if (allUsersSent) return undefined;
    const index = this.next;
    this.next += 1;
    if (retryOf(index, this.order.seed) === 'meanwhile') this.duplicates.push(index);
    return index;
  }

  private send(connection: ClaimConnection, claim: PendingClaim): void {
    claim.sentMs = performance.now();
    this.pending.set(connection, claim);
    connection.claim(userOf(userNumber(claim.index, this.order.seed)).slice('user-'.length));
  }

  private onAnswer(connection: ClaimConnection, answer: ClaimAnswer): void {
    const claim = this.pending.get(connection);
    if (claim === undefined) return;
    this.pending.delete(connection);
    const ms = performance.now() - claim.sentMs;
    this.latency.add(ms);
    this.recent.add(ms);
    this.receive(claim, answer);
    this.sendNext(connection);
  }

  private receive(claim: PendingClaim, answer: ClaimAnswer): void {
    const { index } = claim;
    const before = this.outcomes[index - this.order.from];
    if (before === userOutcomes.unanswered) {
      this.counts.users += 1;
      if (retryOf(index, this.order.seed) === 'afterwards') {
        this.retries.push({ index, after: this.next + usersBeforeRetry });
      }
    }
    let outcome: number = userOutcomes.otherwise;
    if (answer.status === 200) {
      outcome = userOutcomes.claimed;
      this.receiveClaim(claim, answer);
    } else if (answer.status === 400 && answer.body.includes('"code":"sold_out"')) {
      outcome = userOutcomes.refused;
      this.counts.refused += 1;
    } else {
      this.counts.otherwise += 1;
      this.report(index, `received ${answer.status} ${answer.body.slice(0, 200)}`);
    }
    if (before !== userOutcomes.unanswered && before !== outcome) {
      this.report(index, 'received two different outcomes under the same key');
    }
    if (before !== userOutcomes.claimed) this.outcomes[index - this.order.from] = outcome;
  }

  private receiveClaim(claim: PendingClaim, answer: ClaimAnswer): void {
    const { index } = claim;
    const { claim_id: claimId, position } = JSON.parse(answer.body);
    const known = this.claims.get(index);
    if (answer.isReplay) this.counts.replayed += 1;
    else this.counts.claimed += 1;
    if (known === undefined) {
      this.claims.set(index, { claimId, position, isNew: !answer.isReplay });
      return;
    }
    if (known.isNew && !answer.isReplay) {
      this.report(index, 'received two responses that are no replay');
    }
    known.isNew ||= !answer.isReplay;
    if (known.claimId !== claimId || known.position !== position) {
      this.report(index, `received claim ${known.claimId} first and ${claimId} later`);
    }
  }

  /** Sends the request again. It may have been decided already, but under its key that is safe. */
  private onConnectionLost(connection: ClaimConnection): void {
    const claim = this.pending.get(connection);
    if (claim === undefined) return;
    this.counts.resent += 1;
    const again = () => this.send(connection, claim);
    connection.open().then(again, () => setTimeout(() => this.onConnectionLost(connection), 100));
  }

  private report(index: number, what: string): void {
    if (this.violations.length >= violationsMax) return;
    this.violations.push(`${userOf(userNumber(index, this.order.seed))} ${what}`);
  }
}
