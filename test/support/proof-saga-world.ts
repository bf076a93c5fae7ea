// SPDX-License-Identifier: GPL-3.0-or-later
/** What happens around a sale with sagas: participants book, sagas end claims, a subscriber gets events. */
import type { EndingClaim, EndingSale } from './proof-ending-sale.ts';
import type { HistoryRecorder } from './proof-recorder.ts';
import { eventsOfRow, eventTypes } from './proof-saga-events.ts';
import { ModelBook, modelSteps } from './proof-saga-model.ts';
import { timeAt } from './sale-dump.ts';

export class SagaWorld {
  readonly payment = new ModelBook('payment');
  readonly loyalty = new ModelBook('loyalty');
  readonly books = [this.payment, this.loyalty];
  readonly #sale: EndingSale;
  readonly #recorder: HistoryRecorder;
  #rowsRead = 0;

  constructor(sale: EndingSale, recorder: HistoryRecorder) {
    this.#sale = sale;
    this.#recorder = recorder;
  }

  /** Subscribes to the events of a coupon that exists. */
  subscribe(coupon: string, ms: number): void {
    const created_at = timeAt(ms);
    const content = { type: 'subscribed', webhook_id: 'w', coupon, created_at } as const;
    this.#recorder.see(ms, { ...content, events: eventTypes });
  }

  /** Does a step, counted from 1. */
  run(claim: EndingClaim, coupon: string, step: number): void {
    this.#book(claim, coupon, { step, direction: 'run' });
    this.setStep(claim, step, 'D');
  }

  /** Undoes a step that was done. */
  undo(claim: EndingClaim, coupon: string, step: number): void {
    this.#book(claim, coupon, { step, direction: 'undo' });
    this.setStep(claim, step, 'U');
  }

  setStep({ saga }: EndingClaim, step: number, state: string): void {
    if (saga !== undefined) saga.steps[step - 1] = state;
  }

  /** The end of a saga whose steps are done. */
  confirm(claim: EndingClaim, coupon: string, ms: number): void {
    this.#sale.coupon(coupon).confirm(claim, { batchId: this.#sale.newId(), ms });
    if (claim.saga !== undefined) claim.saga.state = 'done';
  }

  /** The end of a saga whose steps are undone. */
  release(claim: EndingClaim, coupon: string, ms: number): void {
    const { reason = 'saga', isFinal = false } = claim.saga?.undo ?? {};
    const sold = this.#sale.coupon(coupon);
    sold.end(claim, { ms, reason, isFinal });
    sold.recordBatch(sold.all.length, { batchId: this.#sale.newId(), ms });
    if (claim.saga !== undefined) claim.saga.state = 'compensated';
  }

  /** The events of the ledger rows since the last call. */
  newEvents(name: string) {
    const coupon = this.#sale.coupon(name);
    const id = String([...this.#sale.coupons.keys()].indexOf(name) + 1);
    const from = this.#rowsRead;
    this.#rowsRead = coupon.ledger.length;
    return coupon.ledger.slice(from).flatMap((_, index) => {
      return eventsOfRow({ id, name, coupon }, from + index);
    });
  }

  /** Asks a participant for its book. Returns what takes it to the history. */
  ask(book: ModelBook, ms: number): (readMs: number) => void {
    const { name, kind } = book;
    this.#recorder.see(ms, { type: 'book_asked', book: name, kind });
    return (readMs) => {
      const { length } = book.entries;
      for (const entry of book.entries.slice(book.shown)) this.#recorder.see(readMs, entry);
      book.shown = length;
      this.#recorder.see(readMs, { type: 'book_read', book: name, kind, seq: length });
    };
  }

  #book(
    claim: EndingClaim,
    coupon: string,
    { step, direction }: { step: number; direction: 'run' | 'undo' },
  ): void {
    const played = modelSteps[step - 1];
    if (played === undefined) throw new RangeError(`there is no step ${step}`);
    const entry = { step: played.name, action: played[direction] };
    this[played.kind].add(claim, coupon, entry);
  }
}
