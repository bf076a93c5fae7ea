// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * A service of loyalty points that takes part in sagas. See README.md beside this file. Start:
 * `LOYALTY_SECRET=... node examples/loyalty/loyalty.mjs`.
 */
import { startParticipant } from '../participant.mjs';

/** The points that each step has granted and that were not revoked. A saga may grant in several steps. */
const granted = new Map();
const grantOf = ({ saga_id, step }) => `${saga_id}:${step}`;

const actions = {
  grant: {
    past: 'granted',
    decide({ data: { points } }) {
      const isAmount = Number.isSafeInteger(points) && points > 0;
      return isAmount ? { amount: points } : { declined: 'points' };
    },
  },
  revoke: {
    ...{ past: 'revoked', undoes: true },
    // Where nothing was granted, the entry of 0 points makes a late grant fail.
    decide: (call) => ({ amount: granted.get(grantOf(call)) ?? 0 }),
  },
};

function apply(entry) {
  if (entry.action === 'grant') granted.set(grantOf(entry), entry.points);
  else granted.delete(grantOf(entry));
}

const secret = process.env.LOYALTY_SECRET;
if (!secret) throw new Error('LOYALTY_SECRET must be set: the secret that SAGAS_FILE names');
await startParticipant({
  ...{ name: 'loyalty', port: 9102, secret, unit: 'points', actions, apply },
});
