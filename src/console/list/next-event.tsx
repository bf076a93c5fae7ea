// SPDX-License-Identifier: GPL-3.0-or-later
import type { CouponSummary } from '../../client.ts';
import { formatDistance } from '../ui/format.ts';
import { Moment } from '../ui/text.tsx';
import { useServerNow } from '../ui/use-now.ts';
import { nextEvent } from './sale-event.ts';

/** What happens to a sale next, when, and how far away that is by the clock of the service. */
export function NextEvent({ sale }: { sale: CouponSummary }) {
  const { word, at } = nextEvent(sale);
  if (at === null) return <span class="soft">{word}</span>;
  return (
    <>
      <span class="number">
        {word} <Distance at={at} />
      </span>
      <Moment at={at} />
    </>
  );
}

/** Renders again each second, and alone: a list has hundreds of sales. */
function Distance({ at }: { at: string }) {
  const nowMs = useServerNow();
  return <>{nowMs !== undefined && formatDistance(Date.parse(at), nowMs)}</>;
}
