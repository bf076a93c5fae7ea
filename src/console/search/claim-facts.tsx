// SPDX-License-Identifier: GPL-3.0-or-later
import type { Claim } from '../../client.ts';
import { Link } from '../routing/link.tsx';
import { Facts } from '../ui/facts.tsx';
import { formatCount } from '../ui/format.ts';
import { Identifier } from '../ui/identifier.tsx';
import { StateBadge } from '../ui/state-badge.tsx';
import { Moment, Text } from '../ui/text.tsx';
import { SaleLink, UserLink } from './claim-links.tsx';

/** All members of a claim. */
export function ClaimFacts({ claim }: { claim: Claim }) {
  const { expires_at: expiresAt, confirmed_at: confirmedAt, redeemed_at: redeemedAt } = claim;
  const { released_at: releasedAt, reason, saga_id: sagaId, saga_state: sagaState } = claim;
  return (
    <Facts
      of={[
        ['State', <StateBadge key="state" state={claim.state} />],
        ['User', <UserLink key="user" userId={claim.user_id} />],
        ['Sale', <SaleLink key="sale" name={claim.coupon_name} />],
        ['Position', formatCount(claim.position)],
        ['Claim id', <Identifier key="id" of={claim.claim_id} />],
        ['Claimed', <Moment key="claimed" at={claim.claimed_at} />],
        ['Hold ends', expiresAt && <Moment at={expiresAt} />],
        ['Confirmed', confirmedAt && <Moment at={confirmedAt} />],
        ['Redeemed', redeemedAt && <Moment at={redeemedAt} />],
        ['Released', releasedAt && <Moment at={releasedAt} />],
        ['Reason of the release', reason && <Text of={reason} />],
        [
          'Saga',
          sagaId && (
            <>
              {sagaState && <StateBadge state={sagaState} />}{' '}
              <Link view="operations/sagas" query={{ id: sagaId }}>
                Steps of the saga
              </Link>
            </>
          ),
        ],
      ]}
    />
  );
}
