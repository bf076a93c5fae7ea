// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Generates correct histories of sales with sagas: a seeded crowd claims, asks too early, comes back and redeems, operators
 * release claims, sagas run and are undone at random speed, a subscriber gets the events, and books are read meanwhile.
 * Answers are lost before or after the decision, events arrive again, and some sagas end needing attention.
 */
import type { HistoryEvent } from '../../src/proof/history.ts';
import { type EndingDump, endingAnswer, endingDumpOf } from './proof-ending-dump.ts';
import {
  type EndingClaim,
  type EndingCommand,
  type EndingDecision,
  EndingSale,
  stateOf,
} from './proof-ending-sale.ts';
import { type Answer, HistoryRecorder, head } from './proof-recorder.ts';
import { modelSteps } from './proof-saga-model.ts';
import { SagaWorld } from './proof-saga-world.ts';
import { randomOf, Schedule } from './proof-schedule.ts';

export type SagaHistory = { events: HistoryEvent[]; dump: EndingDump };

/** Generates the same history for the same seed. */
export function generateSagaHistory(seed: number): SagaHistory {
  return new SagaCrowd(seed).play();
}

const name = 'SAGA';
const holdSeconds = 0.12;
const trouble = 0.15;
const requestsMax = 6;

type User = { user: string; requests: number };

class SagaCrowd {
  readonly #random: () => number;
  readonly #sale = new EndingSale();
  readonly #recorder = new HistoryRecorder();
  readonly #schedule = new Schedule();
  readonly #world = new SagaWorld(this.#sale, this.#recorder);
  /** When the last event of each claim arrives. */
  readonly #arrivals = new Map<string, number>();
  /** The step at which the saga of a claim needs attention. */
  readonly #stopped = new Map<string, number>();
  #requests = 0;

  constructor(seed: number) {
    this.#random = randomOf(seed);
  }

  play(): SagaHistory {
    this.#create();
    const users = this.#int(4, 14);
    for (let i = 0; i < users; i += 1) {
      this.#in(this.#random() * 200, () => this.#claim({ user: `user-${i}`, requests: 0 }));
    }
    for (let i = 0; i < 8; i += 1) this.#in(this.#random() * 300, () => this.#readBooks());
    for (let i = 0; i < 4; i += 1) this.#in(this.#random() * 300, () => this.#look('read'));
    this.#schedule.run();
    this.#schedule.ms += 1;
    this.#recorder.see(this.#schedule.ms, { type: 'delivered', pending: 0, given_up: 0 });
    this.#readBooks();
    this.#schedule.run();
    this.#look('list_claims');
    this.#schedule.run();
    return { events: this.#recorder.events, dump: endingDumpOf(this.#sale, this.#schedule.ms + 1) };
  }

  #create(): void {
    const units = this.#int(1, 6);
    const members = { f: 'create', coupon: name, units, hold_seconds: holdSeconds } as const;
    const invoked = this.#recorder.invoke(0, { ...members, saga: 'checkout', ...this.#from() });
    this.#sale.create(name, units, { ms: 1, holdSeconds }).sagaName = 'checkout';
    this.#recorder.complete(2, invoked, { type: 'ok', http: 201, outcome: 'created' });
    this.#world.subscribe(name, 3);
    this.#schedule.ms = 4;
  }

  #claim(user: User, key = this.#chance(0.7) ? `${user.user}-${user.requests}` : undefined): void {
    const command = { kind: 'claim', userId: user.user, idempotencyKey: key } as const;
    this.#send({ ...command, claimId: this.#sale.newId() }, (decision) => {
      if (decision === undefined || this.#chance(0.2))
        this.#later(user, () => this.#claim(user, key));
      if (this.#chance(0.5)) this.#later(user, () => this.#look('find_claim', user.user));
      const claimId = decision?.claim?.claimId;
      if (claimId !== undefined) this.#use(user, claimId);
      else if (this.#chance(0.6)) this.#later(user, () => this.#claim(user));
    });
  }

  /** What users and operators do with a claim whose saga runs, or is done. */
  #use(user: User, claimId: string): void {
    if (this.#chance(0.2)) this.#later(user, () => this.#change(user, 'confirm', { claimId }));
    if (this.#chance(0.3)) this.#later(user, () => this.#change(user, 'redeem', { claimId }));
    if (this.#chance(0.1)) this.#later(user, () => this.#change(user, 'release', { claimId }));
    if (this.#chance(0.3)) {
      this.#later(user, () => this.#change(user, 'release', { claimId, isAdmin: true }));
    }
    if (this.#chance(0.4)) this.#later(user, () => this.#claim(user));
  }

  #change(
    user: User,
    kind: 'confirm' | 'release' | 'redeem',
    { claimId, isAdmin = false }: { claimId: string; isAdmin?: boolean },
  ): void {
    const key = kind === 'redeem' ? `${user.user}-till` : undefined;
    const reason = isAdmin && this.#chance(0.5) ? 'fraud' : undefined;
    const command = { kind, userId: user.user, claimId, idempotencyKey: key, reason, isAdmin };
    this.#send(command, () => {
      if (kind === 'release') this.#later(user, () => this.#claim(user));
    });
  }

  /** Sends a request; its decision, or undefined where the client does not get it, goes to `then`. */
  #send(command: EndingCommand, then: (decision: EndingDecision | undefined) => void): void {
    const { kind: f, userId: user, idempotencyKey: key } = command;
    const named = f === 'claim' ? {} : { claim_id: command.claimId as string };
    const members = { f, coupon: name, user, ...named, ...(key !== undefined && { key }) };
    const invoked = this.#recorder.invoke(this.#schedule.ms, { ...members, ...this.#from() });
    this.#requests += 1;
    // The first claim wins, so that no history is without one.
    const goesWrong = this.#chance(trouble) && this.#requests > 1;
    const wrong = goesWrong ? this.#pick(['shed', 'lost', 'late', 'undone']) : 'none';
    const decideIn = 1 + this.#random() * 8;
    let decision: EndingDecision | undefined;
    if (wrong !== 'shed' && wrong !== 'undone') {
      this.#in(wrong === 'late' ? decideIn + 30 : decideIn, () => {
        decision = this.#decide(command);
      });
    }
    this.#in(decideIn + 1 + this.#random() * 5, () => {
      const known = wrong === 'none' ? decision : undefined;
      const without: Answer =
        wrong === 'shed'
          ? { type: 'fail', http: 503, outcome: 'overloaded', effect: 'none', retry_after_s: 1 }
          : { type: 'info', outcome: 'timeout' };
      this.#complete(invoked, known === undefined ? without : endingAnswer(known));
      then(known);
    });
  }

  #decide(command: EndingCommand): EndingDecision {
    const claim = this.#sale.coupon(name).claimsByUser.get(command.userId);
    const before = claim?.saga?.state;
    const [decision] = this.#sale.decide(name, [command], this.#schedule.ms);
    if (decision === undefined) throw new Error('each request has a decision');
    this.#deliver();
    const { outcome } = decision;
    if (outcome === 'claimed' && decision.claim !== undefined) this.#goOn(decision.claim, 1);
    if (outcome === 'undo_requested' && claim !== undefined) {
      if (before === 'done') this.#goBack(claim, modelSteps.length);
      if (before === 'needs_attention') this.#goBack(claim, this.#stopped.get(claim.claimId) ?? 0);
    }
    // An answer shows its claim as of its decision.
    return structuredClone(decision);
  }

  /** Runs the next step of a saga, or begins its undo. */
  #goOn(claim: EndingClaim, step: number): void {
    this.#in(1 + this.#random() * 40, () => {
      const isLate = this.#schedule.ms >= claim.claimedMs + holdSeconds * 1000;
      if (claim.saga?.undo !== undefined || (isLate && step <= modelSteps.length)) {
        return this.#goBack(claim, step - 1);
      }
      if (step > modelSteps.length) {
        this.#world.confirm(claim, name, this.#schedule.ms);
        return this.#deliver();
      }
      if (this.#chance(0.1)) {
        this.#world.setStep(claim, step, 'N');
        return this.#goBack(claim, step - 1);
      }
      this.#world.run(claim, name, step);
      if (this.#chance(0.05)) {
        // All its answers were lost.
        this.#world.setStep(claim, step, 'Q');
        return this.#goBack(claim, step);
      }
      this.#goOn(claim, step + 1);
    });
  }

  #goBack(claim: EndingClaim, step: number): void {
    const { saga } = claim;
    if (saga !== undefined) saga.state = 'compensating';
    this.#in(1 + this.#random() * 30, () => {
      if (step === 0) {
        this.#world.release(claim, name, this.#schedule.ms);
        return this.#deliver();
      }
      if (this.#chance(0.03) && saga !== undefined) {
        saga.state = 'needs_attention';
        this.#stopped.set(claim.claimId, step);
        return;
      }
      this.#world.undo(claim, name, step);
      this.#goBack(claim, step - 1);
    });
  }

  /** Brings new events to the subscriber, those of one claim in order, and some of them twice. */
  #deliver(): void {
    for (const event of this.#world.newEvents(name)) {
      const key = event.claim_id ?? event.id;
      const before = this.#arrivals.get(key) ?? 0;
      const atMs = Math.max(before, this.#schedule.ms) + 1 + this.#random() * 20;
      this.#arrivals.set(key, atMs);
      const arrive = () => this.#recorder.see(this.#schedule.ms, event);
      this.#schedule.at(atMs, arrive);
      if (this.#chance(0.15)) this.#schedule.at(atMs + this.#random() * 30, arrive);
    }
  }

  #readBooks(): void {
    for (const book of this.#world.books) {
      const read = this.#world.ask(book, this.#schedule.ms);
      this.#in(1 + this.#random() * 10, () => read(this.#schedule.ms));
    }
  }

  #look(f: 'read' | 'find_claim' | 'list_claims', user?: string): void {
    const members = { f, coupon: name, ...(user !== undefined && { user }), ...this.#from() };
    const invoked = this.#recorder.invoke(this.#schedule.ms, members);
    let answer: Answer = { type: 'info', outcome: 'timeout' };
    this.#in(this.#random() * 5, () => {
      answer = this.#seen(f, user);
    });
    this.#in(6, () => this.#complete(invoked, answer));
  }

  #seen(f: 'read' | 'find_claim' | 'list_claims', user?: string): Answer {
    const coupon = this.#sale.coupon(name);
    if (f === 'read') {
      const { amount, remaining } = coupon;
      return { type: 'ok', http: 200, outcome: 'read', amount, remaining_amount: remaining };
    }
    if (f === 'list_claims') {
      const claims = coupon.all.map((one): [string, ReturnType<typeof stateOf>] => {
        return [one.claimId, stateOf(one)];
      });
      return { type: 'ok', http: 200, outcome: 'listed', claims };
    }
    const claim = coupon.claimsByUser.get(user ?? '');
    const lastClaim = coupon.all.findLast(({ userId }) => userId === user);
    if (claim === undefined) return endingAnswer({ outcome: 'claim_not_found', lastClaim });
    return { ...endingAnswer({ outcome: 'replayed', claim }), outcome: 'found' };
  }

  #complete(invoked: HistoryEvent, answer: Answer): void {
    this.#recorder.complete(this.#schedule.ms, invoked, answer);
  }

  #later(user: User, action: () => void): void {
    user.requests += 1;
    if (user.requests <= requestsMax) this.#in(this.#random() * 120, action);
  }

  #from(): { node: string; proc: number } {
    return { node: this.#pick(head.nodes), proc: this.#recorder.newProc() };
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
