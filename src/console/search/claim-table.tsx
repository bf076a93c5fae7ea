// SPDX-License-Identifier: GPL-3.0-or-later
import type { Claim } from '../../client.ts';
import { formatCount } from '../ui/format.ts';
import { StateBadge } from '../ui/state-badge.tsx';
import { TableScroll } from '../ui/table-scroll.tsx';
import { Moment, Text } from '../ui/text.tsx';
import { SaleLink, TimelineLink, UserLink } from './claim-links.tsx';

/** Claims, each with a link to its timeline. `by` leaves out the column that is the same for all. */
export function ClaimTable({ claims, by }: { claims: readonly Claim[]; by: 'user' | 'coupon' }) {
  return (
    <TableScroll label="Claims">
      <table>
        <thead>
          <tr>
            <th>{by === 'user' ? 'Sale' : 'User'}</th>
            <th>State</th>
            <th class="number">Position</th>
            <th>Claimed</th>
            <th>Ended</th>
            <th>History</th>
          </tr>
        </thead>
        <tbody>
          {claims.map((claim) => (
            <ClaimRow key={claim.claim_id} {...{ claim, by }} />
          ))}
        </tbody>
      </table>
    </TableScroll>
  );
}

function ClaimRow({ claim, by }: { claim: Claim; by: 'user' | 'coupon' }) {
  const { claim_id: claimId, coupon_name: couponName, user_id: userId, reason } = claim;
  return (
    <tr>
      <td class="wide">
        {by === 'user' ? <SaleLink name={couponName} /> : <UserLink userId={userId} />}
      </td>
      <td>
        <StateBadge state={claim.state} />
        {claim.saga_state !== undefined && (
          <small class="below">saga {claim.saga_state.replaceAll('_', ' ')}</small>
        )}
      </td>
      <td class="number">{formatCount(claim.position)}</td>
      <td>
        <Moment at={claim.claimed_at} />
      </td>
      <td>
        {claim.released_at !== undefined && <Moment at={claim.released_at} />}
        {reason !== undefined && (
          <small class="below">
            <Text of={reason} />
          </small>
        )}
      </td>
      <td>
        <TimelineLink {...{ couponName, claimId, label: 'Timeline' }} />
      </td>
    </tr>
  );
}
