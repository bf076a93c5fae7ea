// SPDX-License-Identifier: GPL-3.0-or-later
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import type { Overview } from '../../client.ts';
import { rateSeconds, ratesOf } from '../../figures/rates.ts';
import { timeToSoldOutMs } from '../../figures/time-to-sold-out.ts';
import type { Sale } from '../live/sale-data.ts';
import { formatCount, formatDuration, formatMilliseconds, formatRate } from '../ui/format.ts';

/** The numbers of a sale. What is unknown is a dash. */
export function SaleNumbers({ sale }: { sale: Sale }) {
  const { overview, seconds, status, takenPerSecond } = sale;
  const id = useId();
  const coupon = overview?.coupon;
  const rates = ratesOf(seconds, { count: rateSeconds });
  const soldOutMs =
    coupon?.state === 'open'
      ? timeToSoldOutMs({ remaining: coupon.remaining_amount, takenPerSecond, seconds })
      : undefined;
  return (
    <section class={`panel sale-numbers ${status === 'live' ? '' : 'old'}`} aria-labelledby={id}>
      <h2 id={id} class="visually-hidden">
        Numbers
      </h2>
      <Stock overview={overview} />
      <dl class="tiles">
        <Tile label="Claims a second">{formatRate(rates?.claimed)}</Tile>
        <Tile label="Refusals a second">{formatRate(rates?.refused)}</Tile>
        <Tile label="Time to sold out">
          {coupon?.remaining_amount === 0 ? 'sold out' : formatDuration(soldOutMs)}
        </Tile>
        <Tile label="Waiting claims">{formatCount(overview?.waiting_claims)}</Tile>
        <Tile label="p50 of answers">{formatMilliseconds(overview?.p50_ms)}</Tile>
        <Tile label="p99 of answers">{formatMilliseconds(overview?.p99_ms)}</Tile>
        {rates !== undefined && rates.accepted > 0 && (
          <Tile label="Into the queue a second">{formatRate(rates.accepted)}</Tile>
        )}
      </dl>
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

/** A number and what it is. For lists of definitions. */
export function Tile({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd class="number">{children}</dd>
    </div>
  );
}
