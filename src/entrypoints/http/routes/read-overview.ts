// SPDX-License-Identifier: GPL-3.0-or-later
import { type Static, Type } from 'typebox';
import type { Overview } from '../../../core/coupons/read-overview.ts';
import { claimCount } from '../../../core/stock/assumptions.ts';
import type { Route } from '../route.ts';
import { CouponParams, NoQuery } from '../schemas/fields.ts';
import { orNull, percentilesOf, timeOfSecond } from '../schemas/outcomes.ts';
import { CouponSummaryBody, problemResponses, ref } from '../schemas/responses.ts';
import { toCouponSummary } from '../schemas/views.ts';
import { jsonType, sendHead } from '../send-head.ts';

const time = (description: string) => Type.String({ format: 'date-time', description });
const count = Type.Integer({ minimum: 0 });

const ClaimsByState = Type.Object({
  ...{ reserved: count, confirmed: count, redeemed: count },
  released: Type.Integer({ minimum: 0, description: 'Claims that have ended, of all time.' }),
  at: time(
    'The time of the snapshot with these four. The more claims there are, the older it may be: a count is repeated ' +
      'after 20 times as long as it takes.',
  ),
});

const OverviewBody = Type.Object({
  coupon: ref(CouponSummaryBody),
  claimed: Type.Integer({ minimum: 0, description: 'Live claims: `amount` - `remaining_amount`.' }),
  at: time('The time of the snapshot with `coupon` and `claimed`; half a second old at most.'),
  claims: Type.Unsafe<Static<typeof ClaimsByState> | null>({
    ...ClaimsByState,
    type: ['object', 'null'],
    description: 'The claims by state. Null: they could not be counted in time.',
  }),
  waiting_claims: orNull(
    'Claims that waited in all processes, at the end of the last second that is complete. Null: unknown.',
  ),
  p50_ms: orNull(
    'Half of the claims of the last ten seconds were answered in this time. Null: none was.',
  ),
  p99_ms: orNull('The same for 99 of 100 claims.'),
  answers_until: time('When the last of these ten seconds ended.'),
  server_time: time('The clock of the database.'),
});

/** `GET /api/coupons/{name}/overview`: a sale at a glance. */
export const readOverviewRoute: Route = (app, { readCoupons, watch }) => {
  if (watch === undefined) return;
  app.get(
    '/api/coupons/:name/overview',
    {
      config: { access: 'view' },
      schema: {
        operationId: 'readOverview',
        tags: ['coupons'],
        summary: 'Read a sale at a glance',
        description:
          'Stock, claims by state, and how claims are answered. The parts are of different moments, and each says its own. ' +
          'Callers share reads, so a page may ask each second.',
        params: CouponParams,
        querystring: NoQuery,
        response: { 200: OverviewBody, ...problemResponses(400, 401, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      if (request.method === 'HEAD') {
        await readCoupons.assertExists(name);
        return sendHead(reply, jsonType);
      }
      return toOverview(await watch.readOverview(name));
    },
  );
};

function toOverview({ view, claims, answers, clockMs }: Overview): Static<typeof OverviewBody> {
  return {
    coupon: toCouponSummary(view.coupon),
    claimed: claimCount(view.coupon),
    at: new Date(view.atMs).toISOString(),
    claims: claims === undefined ? null : toClaimsByState(claims),
    waiting_claims: answers.waiting ?? null,
    ...percentilesOf(answers.times),
    answers_until: timeOfSecond(answers.lastSecond + 1),
    server_time: new Date(clockMs).toISOString(),
  };
}

function toClaimsByState({ atMs, ...counts }: NonNullable<Overview['claims']>) {
  return { ...counts, at: new Date(atMs).toISOString() };
}
