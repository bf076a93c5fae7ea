// SPDX-License-Identifier: GPL-3.0-or-later
import { formatCount } from './format.ts';
import { RefusalNote } from './refusal-note.tsx';
import type { Pages } from './use-pages.ts';

/** The end of a list that comes in pages: how many items are shown, and a button that reads on. */
export function MoreButton({ pages, of: items }: { pages: Pages<unknown>; of: string }) {
  const { items: shown, seen, hasMore, isReading, refusal, readMore } = pages;
  const searched = seen > shown.length ? ` of ${formatCount(seen)} searched` : '';
  return (
    <div class="stack">
      <RefusalNote refusal={refusal} />
      <div class="row">
        <output class="soft">
          {isReading
            ? `Searching …${seen > 0 ? ` ${formatCount(seen)} searched` : ''}`
            : `${formatCount(shown.length)} ${items}${searched}${hasMore ? ', more may follow' : ''}`}
        </output>
        {hasMore && !isReading && (
          <button type="button" onClick={readMore}>
            {refusal === undefined ? 'Show more' : 'Try again'}
          </button>
        )}
      </div>
    </div>
  );
}
