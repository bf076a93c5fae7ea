// SPDX-License-Identifier: GPL-3.0-or-later
import { formatCount, formatCountOf } from './format.ts';
import { RefusalNote } from './refusal-note.tsx';
import type { Pages } from './use-pages.ts';

/** The end of a list that comes in pages: how many items are shown, and a button that reads on. */
export function MoreButton({
  pages,
  of: noun,
  total,
}: {
  pages: Pages<unknown>;
  of: readonly [one: string, many: string];
  /** How many there are in all, where the service says it. */
  total?: number | undefined;
}) {
  const { items: shown, seen, hasMore, isReading, refusal, readMore } = pages;
  const items =
    total === undefined
      ? formatCountOf(shown.length, noun)
      : `${formatCount(shown.length)} of ${formatCountOf(total, noun)}`;
  const searched = seen > shown.length ? ` of ${formatCount(seen)} searched` : '';
  return (
    <div class="stack">
      <RefusalNote refusal={refusal} />
      <div class="row">
        <output class="soft">
          {isReading
            ? `Searching …${seen > 0 ? ` ${formatCount(seen)} searched` : ''}`
            : `${items}${searched}${hasMore && total === undefined ? ', more may follow' : ''}`}
        </output>
        {hasMore && (shown.length > 0 || !isReading) && (
          <button
            type="button"
            aria-disabled={isReading}
            onClick={() => {
              if (!isReading) readMore();
            }}
          >
            {refusal === undefined ? 'Show more' : 'Try again'}
          </button>
        )}
      </div>
    </div>
  );
}
