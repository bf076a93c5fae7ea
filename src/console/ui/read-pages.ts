// SPDX-License-Identifier: GPL-3.0-or-later
/** Reads lists that come in pages. A page may be empty and still have a cursor. */
import type { ReadResult, Refusal } from '../../client.ts';
import { foreignAnswer } from './foreign-answer.ts';

/** A page of a list. */
export type Page<Item> = { items: Item[]; next_cursor: string | null };

/** Reads the page after a cursor; the first one without. */
export type ReadPage<Item> = (
  cursor: string | undefined,
  signal: AbortSignal,
) => Promise<ReadResult<Page<Item>>>;

/** What some pages had. */
export type FoundItems<Item> = {
  /** Those that are wanted, in order. */
  items: Item[];
  /** How many items the pages had in all. */
  seen: number;
  /** Where the next page begins. Null: there is none. Undefined: at the beginning. */
  cursor: string | null | undefined;
  /** Why the last page was not read. */
  refusal?: Refusal;
};

/** How many pages are read without asking: at 1,000 items each that takes some seconds. */
const pagesMax = 20;

/**
 * Reads pages from a cursor on until `count` wanted items are found, the list ends, a page is refused, or 20 pages are read.
 * `onPage` is called after each page. Rejects when the signal aborts.
 */
export async function readPages<Item>({
  readPage,
  cursor: from,
  count,
  isWanted = () => true,
  onPage = () => {},
  signal,
}: {
  readPage: ReadPage<Item>;
  cursor: string | undefined;
  count: number;
  isWanted?: ((item: Item) => boolean) | undefined;
  onPage?: (found: FoundItems<Item>) => void;
  signal: AbortSignal;
}): Promise<FoundItems<Item>> {
  let found: FoundItems<Item> = { items: [], seen: 0, cursor: from };
  for (let pages = 0; pages < pagesMax && found.cursor !== null; pages += 1) {
    const page = await readPage(found.cursor, signal).catch(foreignAnswer);
    signal.throwIfAborted();
    if (page.outcome !== 'ok') return { ...found, refusal: page };
    const { items, next_cursor: cursor } = page.value;
    const wanted = [...found.items, ...items.filter(isWanted)];
    found = { items: wanted, seen: found.seen + items.length, cursor };
    onPage(found);
    if (wanted.length >= count) break;
  }
  return found;
}
