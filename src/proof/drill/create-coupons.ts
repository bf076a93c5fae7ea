// SPDX-License-Identifier: GPL-3.0-or-later
import type { ServiceRequest } from './request.ts';
import type { PlannedCoupon } from './scenario.ts';
import { type SendContext, sendUntilDecided } from './send-until-decided.ts';

/** A coupon that the drill has created. */
export type CreatedCoupon = {
  name: string;
  units: number;
  opensAt?: string;
  closesAt?: string;
  holdSeconds?: number;
  saga?: string;
};

/** Why a drill cannot start, or cannot finish. */
export class DrillError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DrillError';
  }
}

/** Creates the coupons one by one, each at the first node that can. Throws `DrillError` when none can. */
export async function createCoupons(
  context: SendContext,
  urls: readonly string[],
  planned: readonly PlannedCoupon[],
): Promise<CreatedCoupon[]> {
  const startMs = Date.now();
  const timeAfter = (seconds: number) => new Date(startMs + seconds * 1000).toISOString();
  const created: CreatedCoupon[] = [];
  for (const { name, units, opensAfterS, closesAfterS, holdSeconds, saga } of planned) {
    const coupon = {
      ...{ name, units },
      ...(opensAfterS !== undefined && { opensAt: timeAfter(opensAfterS) }),
      ...(closesAfterS !== undefined && { closesAt: timeAfter(closesAfterS) }),
      ...(holdSeconds !== undefined && { holdSeconds }),
      ...(saga !== undefined && { saga }),
    };
    await create(context, urls, coupon);
    created.push(coupon);
  }
  return created;
}

async function create(
  context: SendContext,
  urls: readonly string[],
  coupon: CreatedCoupon,
): Promise<void> {
  const { name, ...rest } = coupon;
  const request: ServiceRequest = { f: 'create', coupon: name, attempt: 1, ...rest };
  const { completion, attempts } = await sendUntilDecided(context, { node: 0, request }, true);
  if (completion.type === 'ok') return;
  const { outcome, http } = completion;
  // An earlier attempt with an unknown outcome created it.
  if (outcome === 'coupon_exists' && attempts > 1) return;
  const answer = http === undefined ? outcome : `${http} ${outcome}`;
  const advice =
    outcome === 'unavailable' && coupon.holdSeconds !== undefined
      ? 'holds need a database that `firstcome migrate --finish` has finished'
      : outcome === 'invalid_request' && coupon.saga !== undefined
        ? `the service needs SAGAS_FILE with a saga that is named ${coupon.saga}`
        : adviceOn(outcome, urls);
  throw new DrillError(
    `the coupon ${name} could not be created: ${answer}${advice && `; ${advice}`}`,
  );
}

function adviceOn(outcome: string, urls: readonly string[]): string {
  switch (outcome) {
    case 'unauthorized':
      return 'creating coupons needs the admin API key of the service, in ADMIN_API_KEY';
    case 'refused':
      return `nothing listens at ${urls.join(', ')}: start the service, or set its address with --url`;
    case 'timeout':
      return `${urls.join(', ')} accepts connections but does not answer: check the service`;
    case 'coupon_exists':
      return 'a drill needs a new coupon: omit --coupon, or choose another name';
    default:
      return outcome.startsWith('unreadable')
        ? `what answers at ${urls.join(', ')} is not this service: set its address with --url`
        : '';
  }
}
