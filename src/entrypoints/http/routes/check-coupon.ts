// SPDX-License-Identifier: GPL-3.0-or-later
import { type Static, Type } from 'typebox';
import type { CheckedCoupon } from '../../../core/coupons/check-coupon.ts';
import type { Route } from '../route.ts';
import { CouponParams, NoQuery, onlyObject } from '../schemas/fields.ts';
import { problemResponses } from '../schemas/responses.ts';

const RuleBody = Type.Object({
  name: Type.String(),
  sentence: Type.String({ description: 'What is true of consistent records.' }),
  result: Type.Enum(['passed', 'broken', 'not_finished'], {
    description:
      '`not_finished`: it would have taken too long. That says nothing about the records.',
  }),
  rows: Type.Optional(
    Type.Integer({ minimum: 1, description: 'How many rows break it: 100 stands for more, too.' }),
  ),
  examples: Type.Optional(Type.Array(Type.Unsafe<unknown>({}), { description: 'Some of them.' })),
});

const CheckBody = Type.Object({
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
  rules: Type.Array(RuleBody),
});

/** `POST /api/coupons/{name}/check`: compares all records of a coupon, while its sale goes on. */
export const checkCouponRoute: Route = (app, { watch }) => {
  if (watch === undefined) return;
  app.post(
    '/api/coupons/:name/check',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'checkCoupon',
        tags: ['coupons'],
        summary: 'Check that stock, claims and ledger of a coupon agree',
        description:
          'Runs the consistency rules over the coupon, each in one snapshot, so that a running sale looks like no difference. It ' +
          'changes nothing, and no claim waits for it. It takes up to half a minute; with millions of claims some rules do not ' +
          'finish, and then the records are also compared page by page. A process checks one coupon at a time: others are 503 ' +
          '`overloaded`. The body may be absent.',
        params: CouponParams,
        querystring: NoQuery,
        body: onlyObject({}),
        response: { 200: CheckBody, ...problemResponses(400, 401, 403, 404, 503) },
      },
    },
    async (request) => toCheckBody(await watch.checkCoupon(request.params.name)),
  );
};

function toCheckBody({ view, isConsistent, rules }: CheckedCoupon): Static<typeof CheckBody> {
  return {
    coupon_name: view.coupon.name,
    checked_at: new Date(view.atMs).toISOString(),
    amount: view.coupon.amount,
    remaining_amount: view.coupon.remainingAmount,
    consistent: isConsistent ?? null,
    rules,
  };
}
