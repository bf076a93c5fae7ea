// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Generates correct histories of sales whose claims end: a seeded crowd claims, confirms, releases, redeems, lets holds
 * expire and comes back, concurrently over several nodes. Each request is decided at one moment between request and
 * answer. Answers are lost before or after that moment, or arrive after the client has given up.
 */
import type { HistoryEvent } from '../../src/proof/history.ts';
import { type EndingDump, endingAnswer, endingDumpOf } from './proof-ending-dump.ts';
import { type EndingCommand, type EndingDecision, EndingSale } from './proof-ending-sale.ts';
import { type Answer, HistoryRecorder, head, type Invocation } from './proof-recorder.ts';
import { randomOf, Schedule } from './proof-schedule.ts';

export type EndingHistory = { events: HistoryEvent[]; dump: EndingDump };

/** Generates the same history for the same seed. */
export function generateEndingHistory(seed: number): EndingHistory {
  return new EndingCrowd(seed).play();
}

const holdSeconds = 0.06;
const stepsMax = 6;
const arrivalMs = 250;
const trouble = 0.2;
const timeout: Answer = { type: 'info', outcome: 'timeout' };

type CrowdUser = { name: string; user: string; steps: number; claims: number };
type Pending = { command: EndingCommand; decision?: EndingDecision };
type Sent = {
  command: EndingCommand;
  crowdUser: CrowdUser;
  isCalm?: boolean;
  then: (decision: EndingDecision | undefined) => void;
};

class EndingCrowd {
  readonly #random: () => number;
  readonly #sale = new EndingSale();
  readonly #recorder = new HistoryRecorder();
  readonly #schedule = new Schedule();
  readonly #pending = new Map<string, Set<Pending>>();

  constructor(seed: number) {
    this.#random = randomOf(seed);
  }

  play(): EndingHistory {
    const names = ['HOLD', ...(this.#chance(0.4) ? ['PLAIN'] : [])];
    for (const name of names) this.#playCoupon(name);
    this.#schedule.run();
    const lastMs = this.#schedule.ms;
    for (const [index, name] of names.entries()) {
      this.#schedule.at(lastMs + 200 + index, () => this.#sweep(name));
      for (let i = 0; i < 2; i += 1) {
        const crowdUser = { name, user: `${name}-probe-${i}`, steps: 0, claims: 0 };
        this.#schedule.at(lastMs + 600 + i * 50, () => this.#claim(crowdUser, true));
      }
    }
    this.#schedule.run();
    return {
      events: this.#recorder.events,
      dump: endingDumpOf(this.#sale, this.#schedule.ms + 1),
    };
  }

  #playCoupon(name: string): void {
    this.#pending.set(name, new Set());
    const units = this.#int(1, 8);
    const isHold = name === 'HOLD';
    const invocation: Invocation = {
      ...{ ...this.#from(), f: 'create', coupon: name, units },
      ...(isHold && { hold_seconds: holdSeconds }),
    };
    const { ms } = this.#schedule;
    const invoked = this.#recorder.invoke(ms, invocation);
    this.#sale.create(name, units, { ms: ms + 1, holdSeconds: isHold ? holdSeconds : undefined });
    this.#recorder.complete(ms + 2, invoked, { type: 'ok', http: 201, outcome: 'created' });
    this.#schedule.ms += 2;
    const users = this.#int(4, 16);
    for (let i = 0; i < users; i += 1) {
      const crowdUser = { name, user: `${name}-user-${i}`, steps: 0, claims: 0 };
      this.#at(this.#int(20, 20 + arrivalMs), () => this.#claim(crowdUser));
      if (this.#chance(0.15)) {
        this.#at(this.#int(20, 80 + arrivalMs), () =>
          this.#change(crowdUser, 'release', undefined),
        );
      }
    }
    for (let i = 0; i < 4; i += 1) {
      this.#at(this.#int(20, 60 + arrivalMs), () =>
        i % 3 === 0 ? this.#readCached(name) : this.#read(name),
      );
      this.#at(this.#int(60, 100 + arrivalMs), () => this.#sweep(name));
    }
    if (this.#chance(0.2)) this.#at(this.#int(60, 200), () => this.#addStock(name));
  }

  #claim(crowdUser: CrowdUser, isCalm = false, key = this.#newKey(crowdUser)): void {
    const { user } = crowdUser;
    const command = {
      ...({
        kind: 'claim',
        userId: user,
        claimId: this.#sale.newId(),
        idempotencyKey: key,
      } as const),
    };
    const then = (decision: EndingDecision | undefined) => {
      if (decision === undefined)
        return this.#later(crowdUser, () => this.#claim(crowdUser, isCalm, key));
      if (this.#chance(0.2)) this.#later(crowdUser, () => this.#claim(crowdUser, isCalm, key));
      if (this.#chance(0.3)) this.#later(crowdUser, () => this.#findClaim(crowdUser));
      const claimId = decision.claim?.claimId;
      const isLive = ['claimed', 'replayed', 'already_claimed'].includes(decision.outcome);
      if (isLive && claimId !== undefined) this.#useClaim(crowdUser, claimId);
      else if (this.#chance(0.5)) this.#later(crowdUser, () => this.#claim(crowdUser), 80);
    };
    this.#send({ command, crowdUser, isCalm, then });
  }

  /** The next step of a user who holds a claim. */
  #useClaim(crowdUser: CrowdUser, claimId: string): void {
    const next = this.#random();
    if (next < 0.45) this.#later(crowdUser, () => this.#change(crowdUser, 'confirm', claimId), 90);
    else if (next < 0.65)
      this.#later(crowdUser, () => this.#change(crowdUser, 'release', claimId), 90);
    else if (next < 0.8) this.#later(crowdUser, () => this.#claim(crowdUser), 120);
    if (this.#chance(0.2))
      this.#later(crowdUser, () => this.#change(crowdUser, 'redeem', claimId), 60);
  }

  #change(
    crowdUser: CrowdUser,
    kind: 'confirm' | 'release' | 'redeem',
    claimId: string | undefined,
    key = kind === 'redeem' ? this.#newKey(crowdUser) : undefined,
  ): void {
    const isNamed = this.#chance(0.8);
    const command = { kind, userId: crowdUser.user, claimId: isNamed ? claimId : undefined };
    const then = (decision: EndingDecision | undefined) => {
      const again = () => this.#change(crowdUser, kind, claimId, key);
      if (decision === undefined || this.#chance(0.25)) this.#later(crowdUser, again);
      const { outcome } = decision ?? {};
      if (outcome === 'confirmed' && this.#chance(0.7)) {
        this.#later(crowdUser, () => this.#change(crowdUser, 'redeem', claimId));
        if (this.#chance(0.4))
          this.#later(crowdUser, () => this.#change(crowdUser, 'redeem', claimId));
      }
      const isEnded = ['released', 'hold_expired', 'claim_released'].includes(outcome ?? '');
      if (isEnded && this.#chance(0.6)) this.#later(crowdUser, () => this.#claim(crowdUser));
    };
    this.#send({ command: { ...command, idempotencyKey: key }, crowdUser, then });
  }

  /** Sends a request; its decision, or undefined without one that the client knows, goes to `then`. */
  #send({ command, crowdUser, isCalm = false, then }: Sent): void {
    const { name, user } = crowdUser;
    const { kind: f, idempotencyKey: key } = command;
    const named =
      f === 'claim' || command.claimId === undefined ? {} : { claim_id: command.claimId };
    const invocation = { f, coupon: name, user, ...named, ...(key !== undefined && { key }) };
    const invoked = this.#recorder.invoke(this.#schedule.ms, { ...invocation, ...this.#from() });
    const goesWrong = !isCalm && this.#chance(trouble);
    const wrong = goesWrong ? this.#pick(['shed', 'lost', 'undone', 'late'] as const) : 'none';
    const decideIn = 1 + this.#random() * 12;
    const pending: Pending = { command };
    if (wrong !== 'shed' && wrong !== 'undone') {
      this.#pending.get(name)?.add(pending);
      const inMs = wrong === 'late' ? decideIn + 50 : decideIn;
      this.#in(inMs, () => this.#decide(name, pending));
    }
    this.#in(decideIn + 1 + this.#random() * 8, () => {
      const isKnown = wrong === 'none';
      const decision = isKnown ? pending.decision : undefined;
      this.#complete(
        invoked,
        decision === undefined ? this.#without(wrong, command) : endingAnswer(decision),
      );
      then(decision);
    });
  }

  #without(wrong: string, command: EndingCommand): Answer {
    if (wrong === 'shed') {
      return { type: 'fail', http: 503, outcome: 'overloaded', effect: 'none', retry_after_s: 1 };
    }
    if (this.#chance(0.5)) return timeout;
    const { claimId } = command;
    const answer: Answer = {
      type: 'info',
      http: 503,
      outcome: 'outcome_unknown',
      effect: 'unknown',
    };
    return { ...answer, retry_after_s: 1, ...(claimId !== undefined && { claim_id: claimId }) };
  }

  /** Decides a request, and others that wait with it, as one batch. */
  #decide(name: string, pending: Pending): void {
    if (pending.decision !== undefined) return;
    const waiting = this.#pending.get(name) as Set<Pending>;
    const batch = [pending];
    for (const other of waiting) if (other !== pending && this.#chance(0.3)) batch.push(other);
    const commands = batch.map(({ command }) => command);
    const decisions = this.#sale.decide(name, commands, this.#schedule.ms);
    for (const [index, one] of batch.entries()) {
      waiting.delete(one);
      // An answer shows its claim as of its decision.
      one.decision = structuredClone(decisions[index] as EndingDecision);
    }
  }

  #findClaim({ name, user }: CrowdUser): void {
    const invoked = this.#recorder.invoke(this.#schedule.ms, {
      ...{ f: 'find_claim', coupon: name, user, ...this.#from() },
    });
    let answer = timeout;
    this.#in(this.#random() * 5, () => {
      const coupon = this.#sale.coupon(name);
      const claim = coupon.claimsByUser.get(user);
      const lastClaim = coupon.all.findLast(({ userId }) => userId === user);
      answer =
        claim === undefined
          ? endingAnswer({ outcome: 'claim_not_found', lastClaim })
          : { ...endingAnswer({ outcome: 'replayed', claim }), outcome: 'found' };
    });
    this.#in(6, () => this.#complete(invoked, answer));
  }

  /** A read that gets a snapshot from before it, with its age. */
  #readCached(name: string): void {
    const { amount, remaining } = this.#sale.coupon(name);
    const ageMs = this.#random() * 40;
    // The age that an answer shows is rounded up.
    const age = { age_s: ageMs / 1000 + 1e-6 };
    const answer: Answer = { type: 'ok', http: 200, outcome: 'read', ...age, amount };
    this.#in(ageMs, () => {
      const invocation = { f: 'read', coupon: name, max_age_s: 1, ...this.#from() } as const;
      const invoked = this.#recorder.invoke(this.#schedule.ms, invocation);
      this.#in(3, () => this.#complete(invoked, { ...answer, remaining_amount: remaining }));
    });
  }

  #read(name: string): void {
    const invocation = { f: 'read', coupon: name, ...this.#from() } as const;
    const invoked = this.#recorder.invoke(this.#schedule.ms, invocation);
    let answer = timeout;
    this.#in(this.#random() * 5, () => {
      const { amount, remaining } = this.#sale.coupon(name);
      answer = { type: 'ok', http: 200, outcome: 'read', amount, remaining_amount: remaining };
    });
    this.#in(6, () => this.#complete(invoked, answer));
  }

  #addStock(name: string): void {
    const units = this.#int(1, 3);
    const invocation = { f: 'add_stock', coupon: name, units, ...this.#from() } as const;
    const invoked = this.#recorder.invoke(this.#schedule.ms, invocation);
    this.#in(1, () => this.#sale.addStock(name, { units, ms: this.#schedule.ms }));
    this.#in(3, () => this.#complete(invoked, { type: 'ok', http: 200, outcome: 'stock_added' }));
  }

  #sweep(name: string): void {
    this.#sale.coupon(name).sweep({ batchId: this.#sale.newId(), ms: this.#schedule.ms });
  }

  #complete(invoked: HistoryEvent, answer: Answer): void {
    this.#recorder.complete(this.#schedule.ms, invoked, answer);
  }

  #newKey(crowdUser: CrowdUser): string | undefined {
    crowdUser.claims += 1;
    return this.#chance(0.7) ? `${crowdUser.user}-key-${crowdUser.claims}` : undefined;
  }

  #later(crowdUser: CrowdUser, action: () => void, withinMs = 40): void {
    crowdUser.steps += 1;
    if (crowdUser.steps <= stepsMax) this.#in(this.#random() * withinMs, action);
  }

  #from(): { node: string; proc: number } {
    return { node: this.#pick(head.nodes), proc: this.#recorder.newProc() };
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
