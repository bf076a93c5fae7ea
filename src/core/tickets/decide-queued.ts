// SPDX-License-Identifier: GPL-3.0-or-later
import type { EngineLog, TicketDecision, TicketedClaim } from '../claims/ports.ts';
import type { Clock } from '../clock.ts';
import { rootMessageOf } from '../error-message.ts';
import { AppError } from '../errors.ts';
import { HeldDeliveries, type HeldDelivery } from './held-deliveries.ts';
import { LockedCoupons } from './locked-coupons.ts';
import type { ClaimQueue, Delivery, Disposition, TicketMetrics, TicketStore } from './ports.ts';
import type { QueuedClaim } from './ticket.ts';
import { TicketReports, type TicketReportsOptions } from './ticket-reports.ts';

/** What the consumer works with. */
export type QueuedClaimsOptions = TicketReportsOptions & {
  queue: Pick<ClaimQueue, 'consume' | 'pause' | 'resume'>;
  store: Pick<TicketStore, 'fail'>;
  /** Lets a claim wait in the lane of its coupon. */
  decide(command: TicketedClaim, traceParent: string | undefined): Promise<TicketDecision>;
  /** Whether the lane of a coupon can take one more claim of the queue now. */
  hasRoom(couponName: string): boolean;
  /** Whether the database can decide claims now. Never rejects. */
  isDatabaseUp(): Promise<boolean>;
  attemptsMax: number;
  clock: Pick<Clock, 'nowMs' | 'sleep' | 'atEndOfTurn'>;
  metrics: Pick<TicketMetrics, 'settled' | 'attemptFailed' | 'paused'>;
  log: EngineLog;
};

/** What follows an attempt: the delivery is settled, tried again soon, or left to the queue since this process stops. */
type Next = Disposition | { kind: 'again' } | { kind: 'left' };

// How soon to look for room in a lane that claims of other callers fill.
const roomCheckMs = 10;
const databaseCheckMs = 500;
// One claim may end its process each time. Those that share its message must not end with it.
const abandonedMax = 3;

/**
 * The consumer: takes claims from the queue and lets them wait in the same lanes as direct ones, those of a partition in their
 * order. A lane without room makes its partition wait. A delivery is settled after the commit of its decision.
 *
 * While the database is away nothing is taken from the queue. What was delivered stays here and is tried again, so an
 * outage is no attempt, and costs no delivery. What `abandonedMax` consumers have left without an answer counts as a failed
 * attempt before it is decided: it is tried again later, on its own.
 */
export class QueuedClaims {
  private readonly options: QueuedClaimsOptions;
  private readonly partitions = new Map<number, HeldDeliveries>();
  private readonly locked = new LockedCoupons();
  private readonly reports: TicketReports;
  /** The claims that are in a lane: when each was accepted, by claim id. */
  private readonly underWay = new Map<string, number>();
  private isCheckingDatabase = false;
  private isStopping = false;
  private onIdle: (() => void) | undefined;

  constructor(options: QueuedClaimsOptions) {
    this.options = options;
    this.reports = new TicketReports(options);
  }

  /** Begins to take claims. */
  start(): void {
    this.options.queue.consume((delivery) => this.take(delivery));
  }

  /**
   * Deliveries that wait here, claims that are in a lane, and when the oldest of all was accepted. A partition is taken from
   * the front of its queue, so no claim that waits there is much older.
   */
  depth(): { held: number; underWay: number; oldestAcceptedAtMs: number | undefined } {
    let held = 0;
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const deliveries of this.partitions.values()) {
      held += deliveries.size;
      const first = deliveries.next?.delivery.claim.acceptedAtMs;
      if (first !== undefined) oldestMs = Math.min(oldestMs, first);
    }
    for (const acceptedAtMs of this.underWay.values()) oldestMs = Math.min(oldestMs, acceptedAtMs);
    const oldestAcceptedAtMs = Number.isFinite(oldestMs) ? oldestMs : undefined;
    return { held, underWay: this.underWay.size, oldestAcceptedAtMs };
  }

  /**
   * Takes nothing more. Resolves when no claim is in a lane, whose drain is up to the caller. What was delivered and not
   * settled goes back to the queue when the connection ends.
   */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.options.queue.pause();
    if (this.underWay.size === 0) return;
    await new Promise<void>((resolve) => {
      this.onIdle = resolve;
    });
  }

  private take(delivery: Delivery): void {
    const { abandoned, claim, partition } = delivery;
    if (abandoned >= abandonedMax) {
      const reason = `${abandoned} processes or connections ended before it was decided`;
      delivery.settle(this.countFailure(claim, reason, undefined));
      return;
    }
    let deliveries = this.partitions.get(partition);
    if (deliveries === undefined) {
      deliveries = new HeldDeliveries();
      this.partitions.set(partition, deliveries);
    }
    deliveries.add(delivery);
    this.enterNext(deliveries);
  }

  /** Lets as many of the partition's claims into their lanes as have room there, in their order. */
  private enterNext(deliveries: HeldDeliveries): void {
    const { clock, hasRoom } = this.options;
    while (!this.isStopping && !this.isCheckingDatabase) {
      const { next } = deliveries;
      if (next === undefined) return;
      // Each new connection delivers all of them again, so those of the connections before would add up here.
      if (next.delivery.isLost()) {
        deliveries.removeNext();
        continue;
      }
      const { acceptedAtMs, claimId, couponName } = next.delivery.claim;
      const nowMs = clock.nowMs();
      // Two deliveries of one claim take turns: the second one finds the stored state.
      const isDelayed = deliveries.mustWait(nowMs) || this.underWay.has(claimId);
      const mayEnter = !isDelayed && hasRoom(couponName);
      if (!isDelayed && this.locked.makesWay(couponName, nowMs, mayEnter)) {
        deliveries.removeNext();
        next.delivery.settle(makeWay(next.delivery.claim));
        continue;
      }
      if (!mayEnter) {
        this.lookAgain(deliveries);
        return;
      }
      deliveries.removeNext();
      this.underWay.set(claimId, acceptedAtMs);
      void this.tryToDecide(deliveries, next);
    }
  }

  private lookAgain(deliveries: HeldDeliveries): void {
    if (deliveries.isTimed) return;
    deliveries.isTimed = true;
    void this.options.clock.sleep(roomCheckMs).then(() => {
      deliveries.isTimed = false;
      this.enterNext(deliveries);
    });
  }

  private async tryToDecide(deliveries: HeldDeliveries, held: HeldDelivery): Promise<void> {
    const { delivery } = held;
    const { claim } = delivery;
    let next: Next;
    try {
      const outcome = await this.options.decide(commandOf(claim), claim.traceParent);
      deliveries.succeeded();
      this.locked.decided(claim.couponName);
      this.reports.decided(claim, outcome);
      next = { kind: 'done' };
    } catch (error) {
      next = await this.afterFailure(deliveries, claim, error);
    }
    this.underWay.delete(claim.claimId);
    if (next.kind === 'again') deliveries.putBack(held);
    else if (next.kind !== 'left') delivery.settle(next);
    if (this.isStopping && this.underWay.size === 0) this.onIdle?.();
    this.enterNext(deliveries);
  }

  private async afterFailure(
    deliveries: HeldDeliveries,
    claim: QueuedClaim,
    error: unknown,
  ): Promise<Next> {
    if (this.isStopping) return { kind: 'left' };
    if (!(error instanceof AppError)) return this.countFailure(claim, 'internal', error);
    switch (error.code) {
      case 'overloaded':
        deliveries.failed(this.options.clock.nowMs());
        return { kind: 'again' };
      case 'unavailable':
        if (error.refusedByRule) return this.countFailure(claim, reasonOf(error), error);
        return this.afterRefusal(deliveries, claim);
      case 'outcome_unknown':
        return this.afterOutage(deliveries);
      case 'invalid_request':
        return this.storeFailure(deliveries, claim, error);
      default:
        return this.countFailure(claim, error.message, error);
    }
  }

  private afterRefusal(deliveries: HeldDeliveries, claim: QueuedClaim): Next {
    const nowMs = this.options.clock.nowMs();
    this.locked.refused(claim.couponName, nowMs);
    return this.locked.isLocked(claim.couponName, nowMs)
      ? makeWay(claim)
      : this.afterOutage(deliveries);
  }

  private afterOutage(deliveries: HeldDeliveries): Next {
    deliveries.failed(this.options.clock.nowMs());
    void this.checkDatabase();
    return { kind: 'again' };
  }

  /** No attempt can succeed, and the caller learns why. */
  private async storeFailure(
    deliveries: HeldDeliveries,
    claim: QueuedClaim,
    { detail, fields }: AppError,
  ): Promise<Next> {
    const { claimId, acceptedAtMs } = claim;
    const problem = { code: 'invalid_request', detail, fields } as const;
    try {
      const result = await this.options.store.fail({ claimId, acceptedAtMs }, problem);
      this.reports.report(claim, result);
      return { kind: 'done' };
    } catch {
      return this.isStopping ? { kind: 'left' } : this.afterOutage(deliveries);
    }
  }

  private countFailure(claim: QueuedClaim, reason: string, error: unknown): Disposition {
    const { attemptsMax, log, metrics } = this.options;
    const attempts = claim.attempts + 1;
    if (attempts < attemptsMax) {
      metrics.attemptFailed('retry');
      return { kind: 'retry', attempts, reason };
    }
    metrics.attemptFailed('dead');
    log.warn(
      { claimId: claim.claimId, attempts, reason, err: error },
      'a queued claim could not be decided and becomes a dead letter',
    );
    return { kind: 'dead', reason };
  }

  /** Takes nothing from the queue until the database answers. */
  private async checkDatabase(): Promise<void> {
    if (this.isCheckingDatabase) return;
    this.isCheckingDatabase = true;
    const { clock, isDatabaseUp, log, metrics, queue } = this.options;
    let isPaused = false;
    while (!(await isDatabaseUp()) && !this.isStopping) {
      this.locked.forgetAll();
      if (!isPaused) {
        isPaused = true;
        queue.pause();
        metrics.paused();
        log.warn({}, 'the database is away: no claims are taken from the queue until it answers');
      }
      await clock.sleep(databaseCheckMs);
    }
    this.isCheckingDatabase = false;
    if (this.isStopping) return;
    if (isPaused) {
      queue.resume();
      log.warn({}, 'the database answers again: claims are taken from the queue');
    }
    for (const deliveries of this.partitions.values()) this.enterNext(deliveries);
  }
}

/** Lets a claim wait in a retry queue, which is no attempt: its coupon is locked, and others are behind it. */
function makeWay({ attempts }: QueuedClaim): Disposition {
  return { kind: 'retry', attempts, reason: 'its coupon is locked' };
}

/** With what the database says: which of its rules it is. */
function reasonOf({ message, cause }: AppError): string {
  return cause === undefined ? message : `${message}: ${rootMessageOf(cause)}`;
}

function commandOf({ claimId, acceptedAtMs, couponName, userId, idempotencyKey }: QueuedClaim) {
  return { couponName, userId, idempotencyKey, claimId, ticket: { acceptedAtMs } };
}
