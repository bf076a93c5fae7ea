// SPDX-License-Identifier: GPL-3.0-or-later
/** Histories as a drill records them, and a script that plays a small sale one request at a time. */
import { writeFileSync } from 'node:fs';
import type { Dump } from '../../src/proof/dump.ts';
import type {
  FaultEvent,
  HistoryEvent,
  HistoryHead,
  OutsideContent,
} from '../../src/proof/history.ts';
import { dumpOf, timeAt } from './sale-dump.ts';
import { type Decision, SaleModel, type Window } from './sale-model.ts';

/** The content of a completion. */
export type Answer = Partial<HistoryEvent> & { type: 'ok' | 'fail' | 'info' };

/** The content of an invocation. */
export type Invocation = Pick<HistoryEvent, 'f' | 'coupon' | 'node' | 'proc'> &
  Partial<HistoryEvent>;

export class HistoryRecorder {
  readonly events: HistoryEvent[] = [];
  #ops = 0;
  #procs = 0;

  newProc(): number {
    this.#procs += 1;
    return this.#procs - 1;
  }

  invoke(ms: number, invocation: Invocation): HistoryEvent {
    const op = this.#ops;
    this.#ops += 1;
    return this.#add({ ...invocation, i: 0, t_ms: ms, type: 'invoke', op });
  }

  complete(ms: number, invoked: HistoryEvent, answer: Answer): HistoryEvent {
    const { op, proc, node, f, coupon, user, key } = invoked;
    const whose = { op, proc, node, f, coupon, ...(user && { user }), ...(key && { key }) };
    return this.#add({ i: 0, t_ms: ms, ...whose, ...answer });
  }

  /** Adds the 202 of a claim, whose ticket waits. */
  accept(ms: number, invoked: HistoryEvent, ticketId: string): HistoryEvent {
    const { op, proc, node, f, coupon, user, key } = invoked;
    const whose = { op, proc, node, f, coupon, ...(user && { user }), ...(key && { key }) };
    const accepted = { type: 'accepted', http: 202, outcome: 'accepted' } as const;
    return this.#add({ i: 0, t_ms: ms, ...whose, ...accepted, ticket_id: ticketId });
  }

  /** Adds a line of what the outside of the service saw. */
  see(ms: number, content: OutsideContent): HistoryEvent {
    return this.#add({ ...content, i: 0, t_ms: ms } as object as HistoryEvent);
  }

  #add(event: HistoryEvent): HistoryEvent {
    event.i = this.events.length;
    this.events.push(event);
    return event;
  }
}

export const head: HistoryHead = {
  history: 'firstcome',
  version: 1,
  scenario: 'model',
  seed: 1,
  nodes: ['http://a', 'http://b', 'http://c'],
  started_at: timeAt(0),
  options: {},
};

/** Writes objects as JSON lines. */
export function writeJsonLines(file: string, lines: readonly object[]): void {
  writeFileSync(file, `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`);
}

/** The answer of the service for a decision. */
export function answerFor({ outcome, claim, opensInMs }: Decision): Answer {
  const shown = claim && {
    claim_id: claim.claimId,
    position: claim.position,
    claimed_at: timeAt(claim.claimedMs),
  };
  if (outcome === 'claimed' || outcome === 'replayed') {
    return { type: 'ok', http: 200, outcome, ...shown };
  }
  const http = outcome === 'sold_out' ? 400 : 409;
  const answer: Answer = { type: 'fail', http, outcome, effect: 'none', ...shown };
  if (opensInMs !== undefined) answer.retry_after_s = Math.ceil(opensInMs / 1000);
  return answer;
}

export const notFound: Answer = {
  type: 'fail',
  http: 404,
  outcome: 'claim_not_found',
  effect: 'none',
};

type ClaimOptions = { key?: string; node?: string; answer?: Answer };

/** Plays one request at a time: the model decides it at once and answers correctly, unless a test sets the answer. */
export class SaleScript {
  readonly sale = new SaleModel();
  readonly recorder = new HistoryRecorder();
  readonly faults: FaultEvent[] = [];
  ms = 0;

  /** The last recorded event. */
  get last(): HistoryEvent {
    return this.recorder.events.at(-1) as HistoryEvent;
  }

  create(coupon: string, units: number, window: Window = {}): void {
    const invoked = this.#invoke({ f: 'create', coupon, units }, {});
    const { opensMs, closesMs } = window;
    if (opensMs !== undefined) invoked.opens_at = timeAt(opensMs);
    if (closesMs !== undefined) invoked.closes_at = timeAt(closesMs);
    this.sale.create(coupon, units, this.#next(), window);
    this.#complete(invoked, { type: 'ok', http: 201, outcome: 'created' });
  }

  /** Decides the claim, or only records the answer of the test. */
  claim(coupon: string, user: string, options: ClaimOptions = {}): HistoryEvent {
    const { answer } = options;
    const invoked = this.invokeClaim(coupon, user, options);
    return this.#complete(invoked, answer ?? this.decide(invoked));
  }

  invokeClaim(coupon: string, user: string, { key, node }: ClaimOptions = {}): HistoryEvent {
    return this.#invoke({ f: 'claim', coupon, user, ...(key && { key }) }, { node });
  }

  /** Decides the claim now and returns its answer. */
  decide({ coupon, user, key }: HistoryEvent, claimId = this.sale.newId()): Answer {
    const [decision] = this.sale.decide(
      coupon,
      [{ userId: user ?? '', idempotencyKey: key, claimId }],
      this.#next(),
    );
    return answerFor(decision as Decision);
  }

  complete(invoked: HistoryEvent, answer: Answer): HistoryEvent {
    return this.#complete(invoked, answer);
  }

  findClaim(coupon: string, user: string, answer?: Answer): HistoryEvent {
    const invoked = this.#invoke({ f: 'find_claim', coupon, user }, {});
    const claim = this.sale.coupon(coupon).claimsByUser.get(user);
    const found = claim && { ...answerFor({ outcome: 'replayed', claim }), outcome: 'found' };
    return this.#complete(invoked, answer ?? found ?? notFound);
  }

  read(coupon: string): HistoryEvent {
    const invoked = this.#invoke({ f: 'read', coupon }, {});
    const { amount, remaining } = this.sale.coupon(coupon);
    return this.#complete(invoked, {
      ...{ type: 'ok', http: 200, outcome: 'read', amount, remaining_amount: remaining },
    });
  }

  /** Reads the stock that was left at another moment, with this age; undefined: without an `Age`. */
  readCached(coupon: string, remaining: number, age: { ageS?: number; maxAgeS?: number }): void {
    const { ageS, maxAgeS } = age;
    const accepted = maxAgeS === undefined ? {} : { max_age_s: maxAgeS };
    const invoked = this.#invoke({ f: 'read', coupon, ...accepted }, {});
    const { amount } = this.sale.coupon(coupon);
    this.#complete(invoked, {
      ...{ type: 'ok', http: 200, outcome: 'read', amount, remaining_amount: remaining },
      ...(ageS !== undefined && { age_s: ageS }),
    });
  }

  addStock(coupon: string, units: number, key: string): HistoryEvent {
    const invoked = this.#invoke({ f: 'add_stock', coupon, units, key }, {});
    this.sale.addStock(coupon, { units, key, ms: this.#next() });
    return this.#complete(invoked, { type: 'ok', http: 200, outcome: 'added' });
  }

  /** Repeats an addition of stock that has already succeeded; no answer arrives. */
  addStockUnanswered(coupon: string, units: number, key: string): HistoryEvent {
    const invoked = this.#invoke({ f: 'add_stock', coupon, units, key }, {});
    return this.#complete(invoked, { type: 'info', outcome: 'timeout' });
  }

  fault(fault: string, phase: 'start' | 'end'): void {
    this.faults.push({ t_ms: this.#next(), fault, phase });
  }

  dump(): Dump {
    return dumpOf(this.sale, this.#next());
  }

  #invoke(
    invocation: Pick<HistoryEvent, 'f' | 'coupon'> & Partial<HistoryEvent>,
    { node = 'http://a' }: { node?: string | undefined },
  ): HistoryEvent {
    const proc = this.recorder.newProc();
    return this.recorder.invoke(this.#next(), { ...invocation, proc, node });
  }

  #complete(invoked: HistoryEvent, answer: Answer): HistoryEvent {
    return this.recorder.complete(this.#next(), invoked, answer);
  }

  #next(): number {
    this.ms += 1;
    return this.ms;
  }
}
