// SPDX-License-Identifier: GPL-3.0-or-later
/** The users of one client process: who asks next, what each was told, and whether it fits what was told before. */
import { performance } from 'node:perf_hooks';
import { Histogram } from '../src/proof/drill/histogram.ts';
import { type ClaimAnswer, ClaimConnection } from './claim-connection.ts';
import {
  type DropCounts,
  type DropOrder,
  fates,
  retryOf,
  userNumber,
  type Winners,
} from './drop-messages.ts';
import { userOf } from './set-up.ts';

const violationsMax = 20;
// Who asks again afterwards lets so many others pass first.
const othersBetween = 500;

type Asking = { index: number; sentMs: number };

/** `isNew`: an answer that told it was no replay. */
type KnownClaim = { claimId: string; position: number; isNew: boolean };

/** Drives the connections until every user has heard everything he asked for. */
export class DropCrowd {
  readonly counts: DropCounts = {
    ...{ users: 0, claimed: 0, replayed: 0, refused: 0, otherwise: 0, resent: 0 },
  };
  readonly latency = new Histogram();
  /** Since it was last cleared. */
  readonly lately = new Histogram();
  readonly fates: Uint8Array;
  readonly violations: string[] = [];
  private readonly order: DropOrder;
  private readonly connections: ClaimConnection[];
  private readonly askings = new Map<ClaimConnection, Asking>();
  private readonly claims = new Map<number, KnownClaim>();
  private readonly twins: number[] = [];
  private readonly later: { index: number; after: number }[] = [];
  private next: number;
  private onDone: () => void = () => undefined;

  constructor(order: DropOrder) {
    this.order = order;
    this.next = order.from;
    this.fates = new Uint8Array(order.to - order.from);
    this.connections = Array.from(
      { length: order.connections },
      () =>
        new ClaimConnection({
          ...order,
          onAnswer: (connection, answer) => this.onAnswer(connection, answer),
          onLost: (connection) => this.onLost(connection),
        }),
    );
  }

  async connect(): Promise<void> {
    for (const connection of this.connections) await connection.open();
  }

  /** Resolves when everybody has heard. */
  run(): Promise<void> {
    return new Promise((resolve) => {
      this.onDone = resolve;
      for (const connection of this.connections) this.askNext(connection);
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

  private askNext(connection: ClaimConnection): void {
    const index = this.takeNext();
    if (index !== undefined) this.ask(connection, { index, sentMs: 0 });
    else if (this.askings.size === 0) this.onDone();
  }

  private takeNext(): number | undefined {
    const twin = this.twins.pop();
    if (twin !== undefined) return twin;
    const isCrowdGone = this.next >= this.order.to;
    const first = this.later[0];
    if (first !== undefined && (isCrowdGone || first.after <= this.next)) {
      return this.later.shift()?.index;
    }
    if (isCrowdGone) return undefined;
    const index = this.next;
    this.next += 1;
    if (retryOf(index, this.order.seed) === 'meanwhile') this.twins.push(index);
    return index;
  }

  private ask(connection: ClaimConnection, asking: Asking): void {
    asking.sentMs = performance.now();
    this.askings.set(connection, asking);
    connection.claim(userOf(userNumber(asking.index, this.order.seed)).slice('user-'.length));
  }

  private onAnswer(connection: ClaimConnection, answer: ClaimAnswer): void {
    const asking = this.askings.get(connection);
    if (asking === undefined) return;
    this.askings.delete(connection);
    const ms = performance.now() - asking.sentMs;
    this.latency.add(ms);
    this.lately.add(ms);
    this.hear(asking, answer);
    this.askNext(connection);
  }

  private hear(asking: Asking, answer: ClaimAnswer): void {
    const { index } = asking;
    const heard = this.fates[index - this.order.from];
    if (heard === fates.unheard) {
      this.counts.users += 1;
      if (retryOf(index, this.order.seed) === 'afterwards') {
        this.later.push({ index, after: this.next + othersBetween });
      }
    }
    let fate: number = fates.otherwise;
    if (answer.status === 200) {
      fate = fates.claimed;
      this.hearClaim(asking, answer);
    } else if (answer.status === 400 && answer.body.includes('"code":"sold_out"')) {
      fate = fates.refused;
      this.counts.refused += 1;
    } else {
      this.counts.otherwise += 1;
      this.report(index, `was answered ${answer.status} ${answer.body.slice(0, 200)}`);
    }
    if (heard !== fates.unheard && heard !== fate) {
      this.report(index, 'heard one answer first and another one later, under the same key');
    }
    if (heard !== fates.claimed) this.fates[index - this.order.from] = fate;
  }

  private hearClaim(asking: Asking, answer: ClaimAnswer): void {
    const { index } = asking;
    const { claim_id: claimId, position } = JSON.parse(answer.body);
    const known = this.claims.get(index);
    if (answer.isReplay) this.counts.replayed += 1;
    else this.counts.claimed += 1;
    if (known === undefined) {
      this.claims.set(index, { claimId, position, isNew: !answer.isReplay });
      return;
    }
    if (known.isNew && !answer.isReplay) this.report(index, 'was told twice that his claim is new');
    known.isNew ||= !answer.isReplay;
    if (known.claimId !== claimId || known.position !== position) {
      this.report(index, `was told claim ${known.claimId} first and ${claimId} later`);
    }
  }

  /** The request may have been decided or not; under its key it is safe to send again. */
  private onLost(connection: ClaimConnection): void {
    const asking = this.askings.get(connection);
    if (asking === undefined) return;
    this.counts.resent += 1;
    const again = () => this.ask(connection, asking);
    connection.open().then(again, () => setTimeout(() => this.onLost(connection), 100));
  }

  private report(index: number, what: string): void {
    if (this.violations.length >= violationsMax) return;
    this.violations.push(`${userOf(userNumber(index, this.order.seed))} ${what}`);
  }
}
