// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Generates correct histories with their tables: a seeded crowd claims concurrently from a simple sale over several
 * nodes. Each request is decided at one moment between request and answer. Answers are lost before or after that
 * moment, or arrive after the client has given up. Some claims wait in a queue, and their clients read a ticket.
 */
import type { Dump } from '../../src/proof/dump.ts';
import type { FaultEvent, HistoryEvent } from '../../src/proof/history.ts';
import {
  type Answer,
  answerFor,
  HistoryRecorder,
  head,
  type Invocation,
  notFound,
} from './proof-recorder.ts';
import { randomOf, Schedule } from './proof-schedule.ts';
import { TicketQueue } from './proof-ticket-queue.ts';
import { dumpOf } from './sale-dump.ts';
import { type ClaimRequest, type Decision, SaleModel, type Window } from './sale-model.ts';

export type GeneratedHistory = { events: HistoryEvent[]; faults: FaultEvent[]; dump: Dump };

export type CrowdSize = {
  coupons: number;
  usersMin: number;
  usersMax: number;
  unitsMax: number;
  /** How long users keep arriving. */
  arrivalMs: number;
  /** The share of requests that go wrong. */
  trouble: number;
  /** The share of claims that wait in a queue, among those that do not go wrong. */
  queued: number;
  /** How long a node may return `sold_out` after an addition of stock; 0 is correct. */
  staleMs: number;
};

export const smallCrowd: CrowdSize = {
  coupons: 2,
  usersMin: 5,
  usersMax: 22,
  unitsMax: 12,
  arrivalMs: 250,
  trouble: 0.25,
  queued: 0.2,
  staleMs: 0,
};

const attemptsMax = 8;

/** Generates the same history for the same seed. */
export function generateHistory(seed: number, size: CrowdSize = smallCrowd): GeneratedHistory {
  return new Crowd(seed, size).play();
}

/** What goes wrong with a request. */
type Trouble = 'none' | 'shed' | 'refused' | 'lost' | 'undone' | 'late' | 'open';

type PendingClaim = ClaimRequest & { node: string; decision?: Decision };

class Crowd {
  readonly #size: CrowdSize;
  readonly #random: () => number;
  readonly #sale = new SaleModel();
  readonly #recorder = new HistoryRecorder();
  readonly #schedule = new Schedule();
  readonly #faults: FaultEvent[] = [];
  readonly #pending = new Map<string, Set<PendingClaim>>();
  readonly #queue: TicketQueue;

  constructor(seed: number, size: CrowdSize) {
    this.#size = size;
    this.#random = randomOf(seed);
    const [sale, recorder, schedule] = [this.#sale, this.#recorder, this.#schedule];
    this.#queue = new TicketQueue({ sale, recorder, schedule, random: this.#random });
  }

  play(): GeneratedHistory {
    const names = Array.from({ length: this.#int(1, this.#size.coupons) }, (_, i) => `SALE-${i}`);
    for (const name of names) this.#playCoupon(name);
    const hasFault = this.#chance(0.3);
    const faultMs = this.#int(60, 150);
    const span = { begin: faultMs, end: faultMs + this.#int(10, 60) };
    if (hasFault) {
      this.#faults.push({ t_ms: span.begin, fault: 'cut', phase: 'start' });
      this.#faults.push({ t_ms: span.end, fault: 'cut', phase: 'end' });
    }
    this.#schedule.run();
    const lastMs = this.#schedule.ms;
    for (const name of names) this.#probe(name, lastMs);
    this.#schedule.run();
    const isFelt = this.#recorder.events.some(({ type, t_ms: ms }) => {
      return type === 'info' && ms >= span.begin && ms <= span.end;
    });
    return {
      events: this.#recorder.events,
      faults: isFelt ? this.#faults : [],
      dump: { ...dumpOf(this.#sale, this.#schedule.ms + 1), tickets: this.#queue.rows },
    };
  }

  #playCoupon(name: string): void {
    this.#pending.set(name, new Set());
    const window: Window = {};
    const { arrivalMs } = this.#size;
    if (this.#chance(0.25)) window.opensMs = this.#int(30, 90);
    if (this.#chance(0.25)) window.closesMs = this.#int(130, 100 + arrivalMs);
    const units = this.#int(1, this.#size.unitsMax);
    this.#create({ name, units, window, attempt: 1 });
    const { usersMin, usersMax } = this.#size;
    const users = this.#int(usersMin, usersMax);
    for (let i = 0; i < users; i += 1) {
      const user = `${name}-user-${i}`;
      const first = this.#int(20, 20 + arrivalMs);
      const flows = this.#chance(0.15) ? 2 : 1;
      for (let flow = 0; flow < flows; flow += 1) {
        const key = this.#chance(0.7) ? `${user}-key-${flow}` : undefined;
        this.#at(first + flow * this.#int(0, 3), () =>
          this.#claim({ name, user, key, attempt: 1 }),
        );
      }
    }
    const reads = Math.ceil(users / 8);
    for (let i = 0; i < reads; i += 1)
      this.#at(this.#int(20, 30 + arrivalMs), () =>
        i % 3 === 0 ? this.#readCached(name) : this.#read(name),
      );
    const additions = this.#chance(0.35) ? this.#int(1, 3) : 0;
    for (let i = 0; i < additions; i += 1) {
      const key = this.#chance(0.8) ? `${name}-add-${i}` : undefined;
      const addition = { name, key, units: this.#int(1, 6), attempt: 1 };
      this.#at(this.#int(40, 60 + arrivalMs), () => this.#addStock(addition));
    }
  }

  /** Two users who claim after everything else: they win if a unit is left. */
  #probe(name: string, ms: number): void {
    for (let i = 0; i < 2; i += 1) {
      const user = `${name}-probe-${i}`;
      this.#at(ms + 600 + i * 50, () => {
        this.#claim({ name, user, key: user, attempt: attemptsMax, isCalm: true });
      });
    }
  }

  #create(parts: { name: string; units: number; window: Window; attempt: number }): void {
    const { name, units, window, attempt } = parts;
    const { opensMs, closesMs } = window;
    const invocation: Invocation = { ...this.#from(), f: 'create', coupon: name, units, attempt };
    const invoked = this.#recorder.invoke(this.#schedule.ms, invocation);
    if (this.#chance(0.5) || opensMs !== undefined) invoked.opens_at = this.#time(opensMs);
    if (this.#chance(0.5) || closesMs !== undefined) invoked.closes_at = this.#time(closesMs);
    const trouble = attempt === 1 && this.#chance(0.2) ? this.#pick(['lost', 'undone']) : 'none';
    let answer: Answer = { type: 'ok', http: 201, outcome: 'created' };
    this.#in(1, () => {
      if (trouble === 'undone') return;
      if (this.#sale.coupons.has(name)) {
        answer = { type: 'fail', http: 409, outcome: 'coupon_exists', effect: 'none' };
      } else this.#sale.create(name, units, this.#schedule.ms, window);
    });
    this.#in(3, () => {
      const isAnswered = trouble === 'none';
      this.#complete(invoked, isAnswered ? answer : { type: 'info', outcome: 'timeout' });
      if (!isAnswered) this.#in(1, () => this.#create({ ...parts, attempt: attempt + 1 }));
    });
  }

  #claim(parts: {
    name: string;
    user: string;
    key: string | undefined;
    attempt: number;
    isCalm?: boolean;
  }): void {
    const { name, user, key, attempt, isCalm } = parts;
    const from = this.#from();
    const invocation: Invocation = {
      ...from,
      f: 'claim',
      coupon: name,
      user,
      ...(key && { key }),
      attempt,
    };
    const invoked = this.#recorder.invoke(this.#schedule.ms, invocation);
    const trouble = isCalm === true ? 'none' : this.#trouble();
    const claim: PendingClaim = {
      ...{ userId: user, idempotencyKey: key, claimId: this.#sale.newId(), node: from.node },
    };
    const decideIn = 1 + this.#random() * 12;
    const answerIn = 1 + this.#random() * 8;
    const again = (afterMs: number, withKey = key) => {
      if (attempt >= attemptsMax) return;
      this.#in(afterMs, () => this.#claim({ ...parts, key: withKey, attempt: attempt + 1 }));
    };

    const goOn = ({ outcome }: Decision) => {
      if (outcome === 'not_open') again(this.#int(10, 60));
      else if (this.#chance(0.25))
        again(this.#int(0, 60), this.#chance(0.6) ? key : `${user}-other`);
      if (this.#chance(0.25)) this.#in(this.#int(0, 20), () => this.#findClaim(name, user));
    };
    if (trouble === 'none' && isCalm !== true && this.#chance(this.#size.queued)) {
      this.#in(answerIn, () => {
        this.#queue.accept({ name, claim, invoked }, (decision) => {
          if (decision === undefined) again(this.#int(5, 40));
          else goOn(decision);
        });
      });
      return;
    }
    if (trouble === 'shed' || trouble === 'refused') {
      this.#in(decideIn, () => {
        this.#complete(invoked, trouble === 'shed' ? this.#shed() : refused);
        again(this.#int(5, 40));
      });
      return;
    }
    if (trouble !== 'undone') {
      this.#pending.get(name)?.add(claim);
      this.#in(trouble === 'late' ? decideIn + 60 : decideIn, () => this.#decide(name, claim));
    } else if (this.#chance(0.5)) {
      this.#in(decideIn, () => this.#voidBatch(name));
    }
    if (trouble === 'open') return;
    this.#in(decideIn + answerIn, () => {
      if (trouble !== 'none') {
        this.#complete(invoked, this.#unknown(claim.claimId));
        again(this.#int(1, 30));
        return;
      }
      const decision = claim.decision as Decision;
      this.#complete(invoked, answerFor(decision));
      goOn(decision);
    });
  }

  /** Decides a claim, and others that wait with it, as one batch. */
  #decide(name: string, claim: PendingClaim): void {
    if (claim.decision !== undefined) return;
    const pending = this.#pending.get(name) as Set<PendingClaim>;
    const batch = [claim];
    for (const other of pending) {
      if (batch.length >= 20) break;
      if (other !== claim && this.#chance(0.3)) batch.push(other);
    }
    const ms = this.#schedule.ms;
    const decided = batch.filter((one) => {
      pending.delete(one);
      if (!this.#seesStaleStock(name, one)) return true;
      one.decision = { outcome: 'sold_out' };
      return false;
    });
    const decisions = this.#sale.decide(name, decided, ms);
    for (const [index, one] of decided.entries()) one.decision = decisions[index] as Decision;
  }

  #voidBatch(name: string): void {
    this.#sale.coupon(name).voidBatch({ batchId: this.#sale.newId(), ms: this.#schedule.ms });
  }

  /** Whether this node still sees the stock from before an addition. */
  #seesStaleStock(name: string, { userId }: PendingClaim): boolean {
    const { window, restockedMs, claimsByUser, remaining } = this.#sale.coupon(name);
    const ms = this.#schedule.ms;
    const isClosed = window.closesMs !== undefined && ms >= window.closesMs;
    const isRecent = ms - restockedMs < this.#size.staleMs && remaining > 0;
    const isRefusable = !claimsByUser.has(userId) && !userId.includes('probe');
    return isRecent && !isClosed && isRefusable && this.#chance(0.2);
  }

  #findClaim(name: string, user: string): void {
    const invoked = this.#invokeSimple({ f: 'find_claim', coupon: name, user });
    let answer: Answer = notFound;
    this.#in(this.#random() * 5, () => {
      const claim = this.#sale.coupon(name).claimsByUser.get(user);
      if (claim !== undefined)
        answer = { ...answerFor({ outcome: 'replayed', claim }), outcome: 'found' };
    });
    this.#in(6, () => this.#complete(invoked, this.#chance(0.1) ? timeout : answer));
  }

  /** A read that gets a snapshot from before it, with its age. */
  #readCached(name: string): void {
    const { amount, remaining } = this.#sale.coupon(name);
    const ageMs = this.#random() * 40;
    // The age that an answer shows is rounded up.
    const age = { age_s: ageMs / 1000 + 1e-6 };
    const answer: Answer = { type: 'ok', http: 200, outcome: 'read', ...age, amount };
    this.#in(ageMs, () => {
      const invoked = this.#invokeSimple({ f: 'read', coupon: name, max_age_s: 1 });
      this.#in(3, () => this.#complete(invoked, { ...answer, remaining_amount: remaining }));
    });
  }

  #read(name: string): void {
    const invoked = this.#invokeSimple({ f: 'read', coupon: name });
    let answer: Answer = timeout;
    this.#in(this.#random() * 5, () => {
      const { amount, remaining } = this.#sale.coupon(name);
      answer = { type: 'ok', http: 200, outcome: 'read', amount, remaining_amount: remaining };
    });
    this.#in(6, () => this.#complete(invoked, this.#chance(0.1) ? timeout : answer));
  }

  #addStock(parts: {
    name: string;
    units: number;
    key: string | undefined;
    attempt: number;
  }): void {
    const { name, units, key, attempt } = parts;
    const keyed = key === undefined ? {} : { key };
    const invoked = this.#invokeSimple({ f: 'add_stock', coupon: name, units, ...keyed, attempt });
    const trouble = this.#chance(0.25) && attempt < 3 ? this.#pick(['lost', 'undone']) : 'none';
    this.#in(this.#random() * 4, () => {
      if (trouble !== 'undone') this.#sale.addStock(name, { units, key, ms: this.#schedule.ms });
    });
    this.#in(5, () => {
      const isAnswered = trouble === 'none';
      this.#complete(invoked, isAnswered ? { type: 'ok', http: 200, outcome: 'added' } : timeout);
      if (!isAnswered && key !== undefined) {
        this.#in(5, () => this.#addStock({ ...parts, attempt: attempt + 1 }));
      }
    });
  }

  #invokeSimple(
    invocation: Pick<HistoryEvent, 'f' | 'coupon'> & Partial<HistoryEvent>,
  ): HistoryEvent {
    return this.#recorder.invoke(this.#schedule.ms, { ...invocation, ...this.#from() });
  }

  #complete(invoked: HistoryEvent, answer: Answer): void {
    this.#recorder.complete(this.#schedule.ms, invoked, answer);
  }

  #from(): { node: string; proc: number } {
    return { node: this.#pick(head.nodes), proc: this.#recorder.newProc() };
  }

  #trouble(): Trouble {
    if (!this.#chance(this.#size.trouble)) return 'none';
    if (this.#chance(0.05)) return 'open';
    return this.#pick(['shed', 'shed', 'refused', 'lost', 'undone', 'late']);
  }

  #shed(): Answer {
    const [http, outcome] = this.#pick([
      [503, 'overloaded'],
      [503, 'unavailable'],
      [429, 'rate_limited'],
    ] as const);
    return { type: 'fail', http, outcome, effect: 'none', retry_after_s: 1 };
  }

  #unknown(claimId: string): Answer {
    const [begin, end] = this.#faults;
    const ms = this.#schedule.ms;
    if (begin !== undefined && end !== undefined && ms >= begin.t_ms && ms <= end.t_ms) {
      return { type: 'info', outcome: 'reset' };
    }
    if (this.#chance(0.5)) return timeout;
    const answer: Answer = {
      type: 'info',
      http: 503,
      outcome: 'outcome_unknown',
      effect: 'unknown',
    };
    return { ...answer, retry_after_s: 1, claim_id: claimId };
  }

  #time(ms: number | undefined): string | null {
    if (ms === undefined) return null;
    return new Date(Date.UTC(2030, 0, 1) + ms).toISOString();
  }

  #at(ms: number, action: () => void): void {
    this.#schedule.at(ms, action);
  }

  #in(ms: number, action: () => void): void {
    this.#schedule.at(this.#schedule.ms + ms, action);
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }

  #int(min: number, max: number): number {
    return min + Math.floor(this.#random() * (max - min + 1));
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#random() * items.length)] as Item;
  }
}

const timeout: Answer = { type: 'info', outcome: 'timeout' };
const refused: Answer = { type: 'fail', outcome: 'refused', effect: 'none' };
