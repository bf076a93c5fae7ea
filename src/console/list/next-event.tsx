// SPDX-License-Identifier: GPL-3.0-or-later
import type { CouponSummary } from '../../client.ts';
import { formatDuration } from '../ui/format.ts';
import { Moment } from '../ui/text.tsx';
import { useServerNow } from '../ui/use-now.ts';
import { nextEvent } from './sale-event.ts';

/** What happens to a sale next, when, and how far away that is by the clock of the service. */
export function NextEvent({ sale }: { sale: CouponSummary }) {
  const nowMs = useServerNow();
  const { word, at } = nextEvent(sale);
  if (at === null) return <span class="soft">{word}</span>;
  const distanceMs = nowMs === undefined ? undefined : Date.parse(at) - nowMs;
  return (
    <>
      <span class="number">
        {word} {distanceMs !== undefined && distance(distanceMs)}
      </span>
      <Moment at={at} />
    </>
  );
}

function distance(ms: number): string {
  return ms > 0 ? `in ${formatDuration(ms)}` : `${formatDuration(-ms)} ago`;
}
