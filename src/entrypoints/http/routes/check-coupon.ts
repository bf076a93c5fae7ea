// SPDX-License-Identifier: GPL-3.0-or-later
import type { Route } from '../route.ts';
import { CheckedCouponBody, toCheckedCoupon } from '../schemas/checked-coupon.ts';
import { CouponParams, NoQuery, onlyObject } from '../schemas/fields.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';

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
        response: { 200: ref(CheckedCouponBody), ...problemResponses(400, 401, 403, 404, 503) },
      },
    },
    async (request) => toCheckedCoupon(await watch.checkCoupon(request.params.name)),
  );
};
