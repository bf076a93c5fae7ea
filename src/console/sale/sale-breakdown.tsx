// SPDX-License-Identifier: GPL-3.0-or-later
import { useId } from 'preact/hooks';
import type { Overview } from '../../client.ts';
import type { Sale } from '../live/sale-data.ts';
import { formatCount, formatDuration, formatRate, unknown } from '../ui/format.ts';
import { Tile } from './sale-numbers.tsx';
import { type SaleRates, saleRates } from './sale-rates.ts';

/** The claims of a sale by state, and its refusals by error code. */
export function SaleBreakdown({ sale: { overview, seconds, status } }: { sale: Sale }) {
  const id = useId();
  return (
    <section class={`panel sale-breakdown ${status === 'live' ? '' : 'old'}`} aria-labelledby={id}>
      <h2 id={id} class="visually-hidden">
        Claims and refusals
      </h2>
      <Claims overview={overview} />
      <Refusals rates={saleRates(seconds)} />
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

function Refusals({ rates }: { rates: SaleRates | null }) {
  return (
    <div>
      <h3>Refusals a second, by code</h3>
      {rates === null && <p>{unknown}</p>}
      {rates?.refusals.length === 0 && <p>None in the last 5 seconds</p>}
      {rates !== null && rates.refusals.length > 0 && (
        <dl class="lines">
          {rates.refusals.map(({ code, rate }) => (
            <Tile key={code} label={code.replaceAll('_', ' ')}>
              {formatRate(rate)}
            </Tile>
          ))}
        </dl>
      )}
    </div>
  );
}
