// SPDX-License-Identifier: GPL-3.0-or-later
import { type Static, Type } from 'typebox';
import type { CheckedCoupon } from '../../../core/coupons/check-coupon.ts';
import { enumOf } from './enums.ts';
import { ref } from './ref.ts';

/** What a check of one rule has found. */
export const CheckedRuleBody = Type.Object(
  {
    name: Type.String(),
    sentence: Type.String({ description: 'What is true of consistent records.' }),
    result: enumOf(['passed', 'broken', 'not_finished'], {
      description:
        '`not_finished`: it would have taken too long. That says nothing about the records.',
    }),
    rows: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'How many rows break it: 100 stands for more, too.',
      }),
    ),
    examples: Type.Optional(Type.Array(Type.Unsafe<unknown>({}), { description: 'Some of them.' })),
  },
  { $id: 'CheckedRule' },
);

/** What a check of a coupon has found. */
export const CheckedCouponBody = Type.Object(
  {
    coupon_name: Type.String(),
    checked_at: Type.String({
      format: 'date-time',
      description: 'When the check began, by the clock of the database.',
    }),
    amount: Type.Integer({ description: 'At that time, as the next one.' }),
    remaining_amount: Type.Integer(),
    consistent: Type.Unsafe<boolean | null>({
      type: ['boolean', 'null'],
      description: 'False: a rule is broken. Null: none is, but not all are finished.',
    }),
    rules: Type.Array(ref(CheckedRuleBody)),
  },
  { $id: 'CheckedCoupon' },
);

/** The body of a check. */
export function toCheckedCoupon({
  view,
  isConsistent,
  rules,
}: CheckedCoupon): Static<typeof CheckedCouponBody> {
  return {
    coupon_name: view.coupon.name,
    checked_at: new Date(view.atMs).toISOString(),
    amount: view.coupon.amount,
    remaining_amount: view.coupon.remainingAmount,
    consistent: isConsistent ?? null,
    rules,
  };
}
