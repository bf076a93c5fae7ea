// SPDX-License-Identifier: GPL-3.0-or-later
import { useId } from 'preact/hooks';
import type { Overview } from '../../client.ts';
import { type Rates, rateSeconds, ratesOf } from '../../figures/rates.ts';
import type { Sale } from '../live/sale-data.ts';
import { formatCount, formatDuration, formatRate, unknown } from '../ui/format.ts';
import { Tile } from './sale-numbers.tsx';

/** The claims of a sale by state, and its refusals by error code. */
export function SaleBreakdown({ sale: { overview, seconds, status } }: { sale: Sale }) {
  const id = useId();
  return (
    <section class={`panel sale-breakdown ${status === 'live' ? '' : 'old'}`} aria-labelledby={id}>
      <h2 id={id} class="visually-hidden">
        Claims and refusals
      </h2>
      <Claims overview={overview} />
      <Refusals rates={ratesOf(seconds, { count: rateSeconds })} />
    </section>
  );
}

const states = ['reserved', 'confirmed', 'redeemed', 'released'] as const;

function Claims({ overview }: { overview: Overview | undefined }) {
  const claims = overview?.claims;
  const countedMs = claims ? Date.parse(overview.server_time) - Date.parse(claims.at) : 0;
  return (
    <div>
      <h3>Claims by state</h3>
      <dl class="lines">
        {states.map((state) => (
          <Tile key={state} label={state}>
            {formatCount(claims?.[state])}
          </Tile>
        ))}
      </dl>
      {countedMs >= 3_000 && <small>Counted {formatDuration(countedMs)} ago</small>}
      {claims === null && (
        <small>They take too long to count. The next attempt is in a minute.</small>
      )}
    </div>
  );
}

function Refusals({ rates }: { rates: Rates | undefined }) {
  return (
    <div>
      <h3>Refusals a second, by code</h3>
      {rates === undefined && <p>{unknown}</p>}
      {rates?.refusals.length === 0 && <p>None in the last {rateSeconds} seconds</p>}
      {rates !== undefined && rates.refusals.length > 0 && (
        <dl class="lines">
          {rates.refusals.map(({ code, perSecond, isOfAnyCoupon }) => (
            <Tile
              key={`${code} ${isOfAnyCoupon}`}
              label={`${code.replaceAll('_', ' ')}${isOfAnyCoupon ? ' (of any coupon)' : ''}`}
            >
              {formatRate(perSecond)}
            </Tile>
          ))}
        </dl>
      )}
    </div>
  );
}
