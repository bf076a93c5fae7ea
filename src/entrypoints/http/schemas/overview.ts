// SPDX-License-Identifier: GPL-3.0-or-later
import { type Static, Type } from 'typebox';
import type { Overview } from '../../../core/coupons/read-overview.ts';
import { claimCount } from '../../../core/stock/assumptions.ts';
import { orNull, percentilesOf, timeOfSecond } from './outcomes.ts';
import { ref } from './ref.ts';
import { CouponSummaryBody } from './responses.ts';
import { toCouponSummary } from './views.ts';

const time = (description: string) => Type.String({ format: 'date-time', description });
const count = Type.Integer({ minimum: 0 });

/** The claims of a coupon by state. */
export const ClaimsByState = Type.Object(
  {
    ...{ reserved: count, confirmed: count, redeemed: count },
    released: Type.Integer({ minimum: 0, description: 'Claims that have ended, of all time.' }),
    at: time(
      'The time of the snapshot with these four. The more claims there are, the older it may be: a count is repeated ' +
        'after 20 times as long as it takes.',
    ),
  },
  { $id: 'ClaimsByState' },
);

/** A sale at a glance. */
export const OverviewBody = Type.Object(
  {
    coupon: ref(CouponSummaryBody),
    claimed: Type.Integer({
      minimum: 0,
      description: 'Live claims: `amount` - `remaining_amount`.',
    }),
    at: time('The time of the snapshot with `coupon` and `claimed`; half a second old at most.'),
    claims: Type.Unsafe<Static<typeof ClaimsByState> | null>({
      oneOf: [{ $ref: 'ClaimsByState#' }, { type: 'null' }],
      description: 'Null: they could not be counted in time.',
    }),
    waiting_claims: orNull(
      'Claims that waited in all processes, at the end of the last second that is complete. Null: unknown.',
    ),
    p50_ms: orNull(
      'Half of the claims of the last ten seconds were answered in this time. Null: none was.',
    ),
    p99_ms: orNull('The same for 99 of 100 claims.'),
    answers_until: time('When the last of these ten seconds ended.'),
    server_time: time('The clock of the database, after all other parts were read.'),
  },
  { $id: 'Overview' },
);

/** The body of an overview. */
export function toOverview({
  view,
  claims,
  answers,
  clockMs,
}: Overview): Static<typeof OverviewBody> {
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
