// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FirstcomeError } from '../../client.ts';
import { type ReadPage, readPages } from './read-pages.ts';

/** Pages with these items. The cursor is the number of the page. */
function pagesOf(...pages: number[][]): ReadPage<number> & { read: (string | undefined)[] } {
  const read: (string | undefined)[] = [];
  const readPage: ReadPage<number> = async (cursor) => {
    read.push(cursor);
    const place = Number(cursor ?? 0);
    const next_cursor = place + 1 < pages.length ? String(place + 1) : null;
    const value = { items: pages[place] ?? [], next_cursor };
    return { outcome: 'ok', status: 200, value, replayed: false };
  };
  return Object.assign(readPage, { read });
}

const { signal } = new AbortController();
const first = { cursor: undefined, count: 1, signal };

describe('a list in pages', () => {
  it('is read over empty pages until an item is found', async () => {
    const readPage = pagesOf([], [], [1, 2], [3]);
    expect(await readPages({ ...first, readPage })).toEqual({
      items: [1, 2],
      seen: 2,
      cursor: '3',
    });
    expect(readPage.read).toEqual([undefined, '1', '2']);
  });

  it('goes on where it was', async () => {
    const readPage = pagesOf([1], [2], [3]);
    const found = await readPages({ ...first, readPage, cursor: '2' });
    expect(found).toEqual({ items: [3], seen: 1, cursor: null });
  });

  it('ends with no item where there is none', async () => {
    const found = await readPages({ ...first, readPage: pagesOf([], []) });
    expect(found).toEqual({ items: [], seen: 0, cursor: null });
  });

  it('is searched for what is wanted, and says how far it is', async () => {
    const seen: number[] = [];
    const found = await readPages({
      ...{ ...first, readPage: pagesOf([1, 3], [5], [7, 8, 9], [10]) },
      isWanted: (item) => item % 2 === 0,
      onPage: (page) => seen.push(page.seen),
    });
    expect(found).toEqual({ items: [8], seen: 6, cursor: '3' });
    expect(seen).toEqual([2, 3, 6]);
  });

  it('is read for 20 pages at a time', async () => {
    const readPage = pagesOf(...Array.from({ length: 30 }, () => []));
    const found = await readPages({ ...first, readPage });
    expect(found).toEqual({ items: [], seen: 0, cursor: '20' });
    expect(readPage.read).toHaveLength(20);
  });

  it('keeps what was found before a refusal, and the place to go on', async () => {
    const pages = pagesOf([1], [2], [3]);
    const refusal = { outcome: 'unavailable', status: 503, problem: {} } as never;
    const readPage: ReadPage<number> = async (cursor, aborted) =>
      cursor === '2' ? refusal : pages(cursor, aborted);
    const found = await readPages({ ...first, readPage, count: 10 });
    expect(found).toEqual({ items: [1, 2], seen: 2, cursor: '2', refusal });
  });

  it('is refused where something else than the service answers', async () => {
    const readPage: ReadPage<number> = () =>
      Promise.reject(new FirstcomeError('a page of a proxy', { status: 502 }));
    const found = await readPages({ ...first, readPage });
    expect(found).toMatchObject({ items: [], refusal: { outcome: 'unavailable', status: 502 } });
  });

  it('rejects with the reason of its signal', async () => {
    const abort = new AbortController();
    const readPage: ReadPage<number> = async () => {
      abort.abort(new Error('left the view'));
      return await pagesOf([1])(undefined, abort.signal);
    };
    const reading = readPages({ ...first, readPage, signal: abort.signal });
    await expect(reading).rejects.toThrow('left the view');
  });
});
