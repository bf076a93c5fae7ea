// SPDX-License-Identifier: GPL-3.0-or-later
import type { CouponSummary } from '../../client.ts';
import { Sparkline } from '../charts/sparkline.tsx';
import { Link } from '../routing/link.tsx';
import { formatCount, formatRate } from '../ui/format.ts';
import { StateBadge } from '../ui/state-badge.tsx';
import { Text } from '../ui/text.tsx';
import { NextEvent } from './next-event.tsx';
import type { ClaimRates } from './use-claim-rates.ts';

/** One sale of the list. */
export function SaleRow({ sale, rates }: { sale: CouponSummary; rates: ClaimRates | undefined }) {
  const { name, title, state, paused, archived, remaining_amount: remaining, amount } = sale;
  return (
    <li class="sale-row">
      <div class="name">
        <Link view="sale" query={{ name }}>
          <Text of={name} />
        </Link>
        {title !== null && (
          <small>
            <Text of={title} />
          </small>
        )}
      </div>
      <div class="states">
        <StateBadge state={archived ? 'archived' : state} />
        {paused && state !== 'paused' && !archived && <StateBadge state="paused" />}
        {remaining === 0 && <span class="badge">sold out</span>}
      </div>
      <div class="stock">
        <span class="number">
          <strong>{formatCount(remaining)}</strong> of {formatCount(amount)} left
        </span>
        <span class="bar" aria-hidden="true">
          <span style={{ width: `${(remaining / amount) * 100}%` }} />
        </span>
      </div>
      <div class="rate">
        {rates !== undefined && (
          <>
            <Sparkline
              values={rates.values}
              label={`Claims a second in the last two minutes, now ${formatRate(rates.last)}`}
            />
            <span class="number">{formatRate(rates.last)}/s</span>
          </>
        )}
      </div>
      <div class="event">
        <NextEvent sale={sale} />
      </div>
    </li>
  );
}
