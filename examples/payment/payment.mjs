// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * A payment service that takes part in sagas: a claim's saga authorizes a payment, and captures it later. See README.md beside
 * this file. Start: `PAYMENT_SECRET=... node examples/payment/payment.mjs`.
 */
import { startParticipant } from '../participant.mjs';

/** The payment of each saga: what was authorized, captured and refunded, in cents. */
const payments = new Map();

const actions = {
  authorize: {
    past: 'authorized',
    decide({ saga_id, data: { amount_cents: cents } }) {
      if (!Number.isSafeInteger(cents) || cents <= 0) return { declined: 'amount_cents' };
      return payments.has(saga_id) ? { declined: 'authorized already' } : { amount: cents };
    },
  },
  capture: {
    past: 'captured',
    decide({ saga_id }) {
      const payment = payments.get(saga_id);
      if (payment === undefined || payment.isVoided) return { declined: 'not authorized' };
      return payment.captured > 0
        ? { declined: 'captured already' }
        : { amount: payment.authorized };
    },
  },
  void: {
    ...{ past: 'voided', undoes: true },
    decide({ saga_id }) {
      const payment = payments.get(saga_id);
      // Nothing was authorized, so nothing is voided. The entry makes a late authorization fail.
      if (payment === undefined || payment.isVoided) return { amount: 0 };
      if (payment.captured > payment.refunded) return { notYet: 'captured; refund it first' };
      return { amount: payment.authorized - payment.captured };
    },
  },
  refund: {
    ...{ past: 'refunded', undoes: true },
    decide({ saga_id }) {
      const payment = payments.get(saga_id);
      return { amount: payment === undefined ? 0 : payment.captured - payment.refunded };
    },
  },
};

function apply({ action, saga_id, amount_cents: cents }) {
  if (action === 'authorize') {
    payments.set(saga_id, { authorized: cents, captured: 0, refunded: 0, isVoided: false });
    return;
  }
  const payment = payments.get(saga_id);
  if (payment === undefined) return;
  if (action === 'capture') payment.captured += cents;
  if (action === 'refund') payment.refunded += cents;
  if (action === 'void') payment.isVoided = true;
}

const secret = process.env.PAYMENT_SECRET;
if (!secret) throw new Error('PAYMENT_SECRET must be set: the secret that SAGAS_FILE names');
await startParticipant({
  ...{ name: 'payment', port: 9101, secret, unit: 'amount_cents', actions, apply },
});
