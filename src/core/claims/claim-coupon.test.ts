// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FixedClock } from '../../../test/support/fixed-clock.ts';
import { aCommand } from '../../../test/support/scripted-claim-store.ts';
import { AppError } from '../errors.ts';
import { type ClaimCoupon, withMetrics } from './claim-coupon.ts';

const overloaded = new AppError('overloaded', { detail: 'full' });
const expired = new AppError('overloaded', { detail: 'too late', isOfTicket: true });
const ofTicket = { outcome: 'sold_out', isOfTicket: true } as const;
const defect = new Error('a defect');

describe('withMetrics', () => {
  it.each<[string, boolean, ClaimCoupon, object]>([
    ['sold_out', false, () => Promise.resolve({ outcome: 'sold_out' }), { outcome: 'sold_out' }],
    ['sold_out', true, () => Promise.resolve(ofTicket), ofTicket],
    ['overloaded', false, () => Promise.reject(overloaded), overloaded],
    ['overloaded', true, () => Promise.reject(expired), expired],
    ['internal', false, () => Promise.reject(defect), defect],
  ])(
    'counts one answer as %s, of a ticket: %s, with its seconds, and passes it on',
    async (...given) => {
      const [name, isOfTicket, next, expected] = given;
      const clock = new FixedClock();
      const counted: unknown[] = [];
      const slow: ClaimCoupon = (command) => clock.sleep(250).then(() => next(command));
      const claimCoupon = withMetrics(slow, { answered: (...call) => counted.push(call) }, clock);
      const answer = claimCoupon(aCommand('ada')).catch((error: unknown) => error);
      await clock.advance(250);
      expect(await answer).toEqual(expected);
      expect(counted).toEqual([[name, 0.25, aCommand('ada').couponName, isOfTicket]]);
    },
  );
});
