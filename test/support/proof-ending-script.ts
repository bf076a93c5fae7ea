// SPDX-License-Identifier: GPL-3.0-or-later
/** A script that plays a small sale in which claims end, one request at a time. */
import type { HistoryEvent } from '../../src/proof/history.ts';
import { type EndingDump, endingAnswer, endingDumpOf } from './proof-ending-dump.ts';
import { type EndingClaim, type EndingCoupon, EndingSale, stateOf } from './proof-ending-sale.ts';
import { type Answer, HistoryRecorder } from './proof-recorder.ts';

type Change = 'confirm' | 'release' | 'redeem';
type ChangeOptions = {
  claimId?: string | undefined;
  key?: string;
  reason?: string;
  isAdmin?: boolean;
  /** Recorded in place of the answer of the model, which then decides nothing. */
  answer?: Answer;
};

/** The model decides each request at once and answers correctly, unless a test sets the answer. */
export class EndingScript {
  readonly sale = new EndingSale();
  readonly recorder = new HistoryRecorder();
  ms = 0;

  /** The last recorded event. */
  get last(): HistoryEvent {
    return this.recorder.events.at(-1) as HistoryEvent;
  }

  create(coupon: string, units: number, holdSeconds?: number): EndingCoupon {
    const hold = holdSeconds === undefined ? {} : { hold_seconds: holdSeconds };
    const invoked = this.invoke({ f: 'create', coupon, units, ...hold });
    const created = this.sale.create(coupon, units, { ms: this.next(), holdSeconds });
    this.complete(invoked, { type: 'ok', http: 201, outcome: 'created' });
    return created;
  }

  /** Returns the live claim of the user afterwards. */
  claim(
    coupon: string,
    user: string,
    { key, answer }: { key?: string; answer?: Answer } = {},
  ): EndingClaim {
    const invoked = this.invoke({ f: 'claim', coupon, user, ...(key && { key }) });
    this.complete(invoked, answer ?? this.decideClaim(invoked));
    return this.sale.coupon(coupon).claimsByUser.get(user) as EndingClaim;
  }

  /** Decides the claim now and returns its answer. */
  decideClaim({ coupon, user = '', key }: HistoryEvent): Answer {
    const command = { kind: 'claim', userId: user, claimId: this.sale.newId() } as const;
    const [decision] = this.sale.decide(coupon, [{ ...command, idempotencyKey: key }], this.next());
    return endingAnswer(decision ?? { outcome: 'none' });
  }

  change(coupon: string, user: string, change: Change, options: ChangeOptions = {}): HistoryEvent {
    const { claimId, key, reason, isAdmin, answer } = options;
    const named = claimId === undefined ? {} : { claim_id: claimId };
    const invoked = this.invoke({ f: change, coupon, user, ...named, ...(key && { key }) });
    if (answer !== undefined) return this.complete(invoked, answer);
    const command = { kind: change, userId: user, claimId, idempotencyKey: key, reason, isAdmin };
    const [decision] = this.sale.decide(coupon, [command], this.next());
    return this.complete(invoked, endingAnswer(decision ?? { outcome: 'none' }));
  }

  findClaim(coupon: string, user: string): HistoryEvent {
    const invoked = this.invoke({ f: 'find_claim', coupon, user });
    const claim = this.sale.coupon(coupon).claimsByUser.get(user);
    const lastClaim = this.sale.coupon(coupon).all.findLast(({ userId }) => userId === user);
    const found = claim && { ...endingAnswer({ outcome: 'replayed', claim }), outcome: 'found' };
    return this.complete(invoked, found ?? endingAnswer({ outcome: 'claim_not_found', lastClaim }));
  }

  /** Lists all claims in one page. */
  list(coupon: string): HistoryEvent {
    const invoked = this.invoke({ f: 'list_claims', coupon });
    const claims = this.sale
      .coupon(coupon)
      .all.map((claim): [string, ReturnType<typeof stateOf>] => {
        return [claim.claimId, stateOf(claim)];
      });
    return this.complete(invoked, { type: 'ok', http: 200, outcome: 'listed', claims });
  }

  read(coupon: string): HistoryEvent {
    const invoked = this.invoke({ f: 'read', coupon });
    const { amount, remaining } = this.sale.coupon(coupon);
    return this.complete(invoked, {
      ...{ type: 'ok', http: 200, outcome: 'read', amount, remaining_amount: remaining },
    });
  }

  /** Releases the holds of a coupon that have expired. */
  sweep(coupon: string): void {
    this.sale.coupon(coupon).sweep({ batchId: this.sale.newId(), ms: this.next() });
  }

  dump(): EndingDump {
    return endingDumpOf(this.sale, this.next());
  }

  invoke(invocation: Pick<HistoryEvent, 'f' | 'coupon'> & Partial<HistoryEvent>): HistoryEvent {
    const proc = this.recorder.newProc();
    return this.recorder.invoke(this.next(), { ...invocation, proc, node: 'http://a' });
  }

  complete(invoked: HistoryEvent, answer: Answer): HistoryEvent {
    return this.recorder.complete(this.next(), invoked, answer);
  }

  next(): number {
    this.ms += 1;
    return this.ms;
  }
}
