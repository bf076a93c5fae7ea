// SPDX-License-Identifier: GPL-3.0-or-later
/** A script that plays a small sale with sagas, one request and one step at a time. */
import type { EndingClaim } from './proof-ending-sale.ts';
import { EndingScript } from './proof-ending-script.ts';
import { modelSteps } from './proof-saga-model.ts';
import { SagaWorld } from './proof-saga-world.ts';

export class SagaScript extends EndingScript {
  readonly world = new SagaWorld(this.sale, this.recorder);

  /** Creates a coupon whose claims begin the saga `checkout`, and subscribes to its events. */
  createWithSaga(coupon: string, units: number): void {
    const members = { hold_seconds: 60, saga: 'checkout' };
    const invoked = this.invoke({ f: 'create', coupon, units, ...members });
    const created = this.sale.create(coupon, units, { ms: this.next(), holdSeconds: 60 });
    created.sagaName = 'checkout';
    this.complete(invoked, { type: 'ok', http: 201, outcome: 'created' });
    this.world.subscribe(coupon, this.next());
  }

  /** Runs all steps of the claim's saga, and confirms the claim. */
  finish(claim: EndingClaim, coupon = 'SAGA'): void {
    for (let step = 1; step <= modelSteps.length; step += 1) this.world.run(claim, coupon, step);
    this.world.confirm(claim, coupon, this.next());
  }

  /** A step is declined. */
  decline(claim: EndingClaim, step: number, coupon = 'SAGA'): void {
    for (let done = 1; done < step; done += 1) this.world.run(claim, coupon, done);
    this.world.setStep(claim, step, 'N');
    if (claim.saga !== undefined) claim.saga.state = 'compensating';
  }

  /** Undoes what the saga has done, and releases the claim. */
  undo(claim: EndingClaim, coupon = 'SAGA'): void {
    const { saga } = claim;
    for (let step = modelSteps.length; step > 0; step -= 1) {
      if (saga?.steps[step - 1] === 'D') this.world.undo(claim, coupon, step);
    }
    this.world.release(claim, coupon, this.next());
  }

  /** An operator releases the claim. */
  askForUndo(claim: EndingClaim, coupon = 'SAGA'): void {
    const options = { claimId: claim.claimId, isAdmin: true, reason: 'fraud' };
    this.change(coupon, claim.userId, 'release', options);
  }

  /** The subscriber gets what happened since the last call. */
  deliver(coupon = 'SAGA'): void {
    for (const event of this.world.newEvents(coupon)) this.recorder.see(this.next(), event);
  }

  readBooks(): void {
    for (const book of this.world.books) this.world.ask(book, this.next())(this.next());
  }

  /** The last look at the outside. */
  end(): void {
    this.deliver();
    this.recorder.see(this.next(), { type: 'delivered', pending: 0, given_up: 0 });
    this.readBooks();
  }
}
