// SPDX-License-Identifier: GPL-3.0-or-later
import { useEffect } from 'preact/hooks';
import type { CouponSummary } from '../../client.ts';
import type { Sale } from '../live/sale-data.ts';
import { formatDistance, formatDuration, showInvisible, unknown } from '../ui/format.ts';
import { RefusalNote } from '../ui/refusal-note.tsx';
import { StateBadge } from '../ui/state-badge.tsx';
import { Moment, Text } from '../ui/text.tsx';
import { useServerNow } from '../ui/use-now.ts';
import { nextTime } from './sale-times.ts';

/** Which sale it is, its state, what happens to it next, and how old what the page shows is. */
export function SaleHeader({ sale }: { sale: Sale }) {
  const { name, overview } = sale;
  const coupon = overview?.coupon;
  // A session that has ended has a dialog of its own.
  const refusal = sale.refusal?.outcome === 'unauthorized' ? undefined : sale.refusal;
  useEffect(() => {
    const { title } = document;
    document.title = `${showInvisible(name)} – firstcome console`;
    return () => {
      document.title = title;
    };
  }, [name]);
  return (
    <header class="sale-header stack">
      <div>
        <div class="row">
          <h1>
            <Text of={name} />
          </h1>
          {coupon !== undefined && <States coupon={coupon} />}
        </div>
        {coupon?.title != null && (
          <p class="title">
            <Text of={coupon.title} />
          </p>
        )}
      </div>
      {coupon?.paused && coupon.pause_reason !== null && (
        <p>
          Paused: <Text of={coupon.pause_reason} />
        </p>
      )}
      <Times sale={sale} />
      {sale.status === 'connecting' && <RefusalNote refusal={refusal} />}
    </header>
  );
}

function States({ coupon }: { coupon: CouponSummary }) {
  const { state, archived, paused, remaining_amount: remaining } = coupon;
  return (
    <>
      <StateBadge state={archived ? 'archived' : state} />
      {paused && state !== 'paused' && !archived && <StateBadge state="paused" />}
      {remaining === 0 && <span class="badge">sold out</span>}
    </>
  );
}

function Times({ sale }: { sale: Sale }) {
  const nowMs = useServerNow();
  const coupon = sale.overview?.coupon;
  const next = coupon && nowMs !== undefined ? nextTime(coupon, nowMs) : undefined;
  return (
    <dl class="sale-times">
      {coupon !== undefined && (
        <div class={next === undefined ? '' : 'next'}>
          <dt>{next?.word ?? 'Closes'}</dt>
          <dd>
            {next === undefined ? (
              'No closing time'
            ) : (
              <>
                <strong class="number">{formatDistance(next.leftMs, 0)}</strong>{' '}
                <Moment at={next.at} />
              </>
            )}
          </dd>
        </div>
      )}
      <div>
        <dt>Data</dt>
        <dd>
          <Age sale={sale} />
        </dd>
      </div>
      <div class="clock">
        <dt>Clock of the service</dt>
        <dd class="number">
          <Moment at={nowMs} />
        </dd>
      </div>
    </dl>
  );
}

function Age({ sale: { status, arrivedAtMs } }: { sale: Sale }) {
  const ageMs = arrivedAtMs === undefined ? undefined : performance.now() - arrivedAtMs;
  if (ageMs === undefined) return <span>{status === 'connecting' ? 'Connecting …' : unknown}</span>;
  // Whole seconds that have passed: what has just arrived is 0 s old.
  const age = formatDuration(Math.floor(ageMs / 1_000) * 1_000);
  return (
    <span class="row">
      <span class={`badge ${status === 'live' ? 'good' : 'bad'}`}>{status}</span>
      <span class="number">{age} old</span>
    </span>
  );
}
