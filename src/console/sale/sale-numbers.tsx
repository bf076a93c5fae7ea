// SPDX-License-Identifier: GPL-3.0-or-later
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import type { Overview } from '../../client.ts';
import type { Sale } from '../live/sale-data.ts';
import { formatCount, formatDuration, formatMilliseconds, formatRate } from '../ui/format.ts';
import { type SaleRates, saleRates, timeToSoldOutMs } from './sale-rates.ts';

/** The numbers of a sale. What is unknown is a dash. */
export function SaleNumbers({ sale: { overview, seconds, status } }: { sale: Sale }) {
  const id = useId();
  const coupon = overview?.coupon;
  const rates = saleRates(seconds);
  const isOpen = coupon?.state === 'open';
  const soldOutMs = isOpen ? timeToSoldOutMs(seconds, coupon.remaining_amount) : null;
  return (
    <section class={`panel sale-numbers ${status === 'live' ? '' : 'old'}`} aria-labelledby={id}>
      <h2 id={id} class="visually-hidden">
        Numbers
      </h2>
      <Stock overview={overview} />
      <dl class="tiles">
        <Tile label="Claims a second">{formatRate(rates?.claimed)}</Tile>
        <Tile label="Refusals a second">{formatRate(rates?.refused)}</Tile>
        <Tile label="Expected to be sold out">
          {coupon?.remaining_amount === 0
            ? 'sold out'
            : formatDuration(soldOutMs).replace(/^(?=\d)/, 'in ')}
        </Tile>
        <Tile label="Waiting claims">{formatCount(overview?.waiting_claims)}</Tile>
        <Tile label="p50 of answers">{formatMilliseconds(overview?.p50_ms)}</Tile>
        <Tile label="p99 of answers">{formatMilliseconds(overview?.p99_ms)}</Tile>
        {rates !== null && rates.accepted > 0 && (
          <Tile label="Into the queue a second">{formatRate(rates.accepted)}</Tile>
        )}
      </dl>
      <div class="details">
        <Claims overview={overview} />
        <Refusals rates={rates} />
      </div>
    </section>
  );
}

function Stock({ overview }: { overview: Overview | undefined }) {
  const { amount, remaining_amount: remaining } = overview?.coupon ?? {};
  const share = amount === undefined || remaining === undefined ? 0 : remaining / amount;
  return (
    <div class="stock number">
      <p>
        <strong>{formatCount(remaining)}</strong> <span>of {formatCount(amount)} left</span>
      </p>
      <span class="bar" aria-hidden="true">
        <span style={{ width: `${share * 100}%` }} />
      </span>
      <p>
        <strong>{formatCount(overview?.claimed)}</strong> <span>claimed</span>
      </p>
    </div>
  );
}

function Tile({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd class="number">{children}</dd>
    </div>
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
      {rates === null && <p>–</p>}
      {rates?.refusals.length === 0 && <p>None in the last 5 seconds</p>}
      {rates !== null && rates.refusals.length > 0 && (
        <dl class="lines">
          {rates.refusals.map(({ code, rate }) => (
            <Tile key={code} label={code}>
              {formatRate(rate)}
            </Tile>
          ))}
        </dl>
      )}
    </div>
  );
}
