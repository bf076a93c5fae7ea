// SPDX-License-Identifier: GPL-3.0-or-later
import type { ClaimMetrics, EarlyRefusalMetrics } from '../claims/ports.ts';
import { errorCodes } from '../errors.ts';
import type { TicketMetrics } from '../tickets/ports.ts';
import { answerTo } from '../tickets/ticket.ts';
import { bucketCount, bucketOf } from './answer-times.ts';

/** What a claim can get: its outcome, or the code of an error. `accepted`: it got a ticket. */
export const countedOutcomes = ['claimed', 'replayed', 'accepted', ...errorCodes] as const;

/** One of `countedOutcomes`. */
export type CountedOutcome = (typeof countedOutcomes)[number];

/** How many claims got each outcome that occurred. */
export type OutcomeTally = { [Outcome in CountedOutcome]?: number };

/** What was counted of one coupon. */
export type CouponOutcomes = {
  couponName: string;
  outcomes: OutcomeTally;
  /** In the buckets of `answer-times.ts`. */
  times: number[];
};

/** The name under which claims are counted that were refused before their body was read. No coupon has it. */
export const unreadName = '';

const placeOf: ReadonlyMap<string, number> = new Map(
  countedOutcomes.map((outcome, place) => [outcome, place]),
);
// A claim that gets one of these may name a coupon that does not exist.
const unproven: ReadonlySet<string> = new Set(errorCodes.slice(0, errorCodes.indexOf('sold_out')));
const isUnproven = (outcome: string) => unproven.has(outcome) || outcome === 'rate_limited';

/** `isTaken`: there is something to take, if only a change of the stock. */
type Slot = { outcomes: Uint32Array; times: Uint32Array; isTaken: boolean };

/**
 * Counts the answers to claims and the final states of tickets, by coupon and outcome, between two calls of `take`. On the
 * path of a claim it looks up the slot of the coupon and adds to two numbers. There are slots for a limited number of coupons. Claims whose
 * coupon may not exist get no more than half of them, and so do other changes of the stock.
 */
export class OutcomeCounts {
  private readonly couponsMax: number;
  private slots = new Map<string, Slot>();
  private isComplete = true;

  constructor(couponsMax: number) {
    this.couponsMax = couponsMax;
  }

  /** The same metrics, whose answers and early refusals are counted here too. */
  counting<Metrics extends Pick<ClaimMetrics, 'answered'> & EarlyRefusalMetrics>(
    metrics: Metrics,
  ): Metrics {
    return {
      ...metrics,
      answered: (outcome, seconds, couponName, isOfTicket) => {
        const slot = this.slotOf(couponName, outcome);
        if (slot !== undefined) {
          const bucket = bucketOf(seconds * 1000);
          slot.times[bucket] = (slot.times[bucket] as number) + 1;
          // The process that has settled the ticket counts it, also where nobody waits.
          if (!isOfTicket) add(slot, outcome);
        }
        metrics.answered(outcome, seconds, couponName, isOfTicket);
      },
      refusedEarly: (code, couponName) => {
        this.count(couponName ?? unreadName, code);
        metrics.refusedEarly(code, couponName);
      },
    };
  }

  /** The same metrics. Tickets that this process settles are counted here too, as those who wait for them are answered. */
  countingTickets(metrics: TicketMetrics): TicketMetrics {
    return {
      ...metrics,
      settled: (result, couponName) => {
        this.count(couponName, answerTo(result));
        metrics.settled(result, couponName);
      },
    };
  }

  /** Has the coupon among those that are taken next, also when no claim is answered. Without a slot nothing happens. */
  stockChanged(couponName: string): void {
    const slot = this.slots.get(couponName) ?? this.newSlot(couponName, this.couponsMax / 2);
    if (slot !== undefined) slot.isTaken = true;
  }

  /** What was counted since the last call. Not complete: some coupons were left out. */
  take(): { coupons: CouponOutcomes[]; isComplete: boolean } {
    const coupons: CouponOutcomes[] = [];
    const { slots, isComplete } = this;
    this.slots = new Map();
    this.isComplete = true;
    for (const [couponName, slot] of slots) {
      if (!slot.isTaken) continue;
      coupons.push({ couponName, outcomes: tallyOf(slot), times: timesOf(slot) });
      // A coupon with claims keeps its slot for as long as there are some each second.
      slot.outcomes.fill(0);
      slot.times.fill(0);
      slot.isTaken = false;
      this.slots.set(couponName, slot);
    }
    return { coupons, isComplete };
  }

  private count(couponName: string, outcome: string): void {
    const slot = this.slotOf(couponName, outcome);
    if (slot !== undefined) add(slot, outcome);
  }

  private slotOf(couponName: string, outcome: string): Slot | undefined {
    // Such a claim is of no coupon.
    if (outcome === 'coupon_not_found') return undefined;
    const slot =
      this.slots.get(couponName) ?? this.newSlot(couponName, this.slotsFor(couponName, outcome));
    if (slot === undefined) {
      this.isComplete = false;
      return undefined;
    }
    slot.isTaken = true;
    return slot;
  }

  private slotsFor(couponName: string, outcome: string): number {
    const { couponsMax } = this;
    return couponName !== unreadName && isUnproven(outcome) ? couponsMax / 2 : couponsMax;
  }

  private newSlot(couponName: string, slotsMax: number): Slot | undefined {
    const { slots } = this;
    if (slots.size >= slotsMax) return undefined;
    const slot = {
      outcomes: new Uint32Array(countedOutcomes.length),
      times: new Uint32Array(bucketCount),
      isTaken: false,
    };
    slots.set(couponName, slot);
    return slot;
  }
}

function add({ outcomes }: Slot, outcome: string): void {
  const place = placeOf.get(outcome) ?? (placeOf.get('internal') as number);
  outcomes[place] = (outcomes[place] as number) + 1;
}

function tallyOf({ outcomes }: Slot): OutcomeTally {
  const tally: OutcomeTally = {};
  countedOutcomes.forEach((outcome, place) => {
    const count = outcomes[place] as number;
    if (count > 0) tally[outcome] = count;
  });
  return tally;
}

function timesOf({ times }: Slot): number[] {
  return [...times.subarray(0, times.findLastIndex((count) => count > 0) + 1)];
}
