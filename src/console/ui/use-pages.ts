// SPDX-License-Identifier: GPL-3.0-or-later
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { Refusal } from '../../client.ts';
import { type ReadPage, readPages } from './read-pages.ts';

/** The items of a list that has been read so far. */
export type Pages<Item> = {
  items: readonly Item[];
  /** How many items were read for them, with those that are not wanted. */
  seen: number;
  /** Whether more may follow. */
  hasMore: boolean;
  isReading: boolean;
  /** Why the last page was refused. The items before it stay. */
  refusal: Refusal | undefined;
  /** Reads on until a further item is found. */
  readMore: () => void;
  /** Reads again what is there, without hiding it meanwhile. */
  reload: () => void;
};

type State<Item> = Pick<Pages<Item>, 'items' | 'seen' | 'isReading' | 'refusal'> & {
  key: string;
  cursor: string | null | undefined;
};

/** Reads a list in pages: the first items when the component appears or `key` changes, further ones on demand. */
export function usePages<Item>(
  readPage: ReadPage<Item>,
  { key, isWanted }: { key: string; isWanted?: (item: Item) => boolean },
): Pages<Item> {
  const [state, setState] = useState<State<Item>>(() => nothing(key));
  const latest = useRef({ readPage, isWanted, state });
  latest.current = { readPage, isWanted, state };
  const reading = useRef<AbortController | undefined>(undefined);

  const read = useCallback(
    (from: 'start' | 'end', before: State<Item>) => {
      reading.current?.abort();
      const own = new AbortController();
      reading.current = own;
      setState({ ...before, isReading: true, refusal: undefined });
      const kept = from === 'end' ? before : nothing<Item>(key);
      readPages({
        readPage: latest.current.readPage,
        isWanted: latest.current.isWanted,
        cursor: kept.cursor ?? undefined,
        count: from === 'end' ? 1 : Math.max(1, before.items.length),
        onPage: ({ seen }) => {
          if (from === 'end') setState((now) => ({ ...now, seen: kept.seen + seen }));
        },
        signal: own.signal,
      }).then(
        ({ items, seen, cursor, refusal }) => {
          const isLost = refusal !== undefined && from === 'start' && before.items.length > 0;
          setState({
            ...(isLost
              ? before
              : { key, items: [...kept.items, ...items], seen: kept.seen + seen, cursor }),
            ...{ refusal, isReading: false },
          });
        },
        () => {},
      );
    },
    [key],
  );

  useEffect(() => {
    read('end', nothing(key));
    return () => reading.current?.abort();
  }, [key, read]);

  const shown = state.key === key ? state : nothing<Item>(key);
  return {
    ...{ items: shown.items, seen: shown.seen, refusal: shown.refusal },
    ...{ isReading: shown.isReading, hasMore: shown.cursor !== null },
    readMore: useCallback(() => read('end', latest.current.state), [read]),
    reload: useCallback(() => read('start', latest.current.state), [read]),
  };
}

function nothing<Item>(key: string): State<Item> {
  return { key, items: [], seen: 0, cursor: undefined, isReading: true, refusal: undefined };
}
