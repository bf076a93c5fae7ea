// SPDX-License-Identifier: GPL-3.0-or-later
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { ReadResult, Refusal } from '../../client.ts';

/** What a read returned, and how old it is. */
export type Read<Value> = {
  /** The last value. It stays while later reads are refused. */
  value: Value | undefined;
  /** Why the last read was refused; undefined when it was not. */
  refusal: Refusal | undefined;
  /** When the value arrived, by `performance.now()`. */
  arrivedAtMs: number | undefined;
  isReading: boolean;
  /** Reads again, now. */
  reload: () => void;
};

/**
 * Reads when the component appears, when `key` changes, and then every `everyMs` while the page is visible. A change of `key`
 * forgets the value. With `isOff` it reads nothing.
 */
export function useRead<Value>(
  read: (signal: AbortSignal) => Promise<ReadResult<Value>>,
  { key, everyMs, isOff = false }: { key: string; everyMs?: number; isOff?: boolean },
): Read<Value> {
  const [state, setState] = useState<Omit<Read<Value>, 'reload'> & { key: string }>(nothing(key));
  const [round, setRound] = useState(0);
  const latestRead = useRef(read);
  latestRead.current = read;
  const reload = useCallback(() => setRound((count) => count + 1), []);

  useEffect(() => {
    if (isOff) return;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    setState((before) => (before.key === key ? { ...before, isReading: true } : nothing(key)));
    const readOnce = async () => {
      if (!document.hidden) {
        const result = await latestRead.current(abort.signal).catch(() => undefined);
        if (abort.signal.aborted) return;
        setState((before) => after(before, result));
      }
      if (everyMs !== undefined) timer = setTimeout(readOnce, everyMs);
    };
    readOnce();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [key, everyMs, isOff, round]);

  return { ...(state.key === key ? state : nothing<Value>(key)), reload };
}

function nothing<Value>(key: string): Omit<Read<Value>, 'reload'> & { key: string } {
  return { key, value: undefined, refusal: undefined, arrivedAtMs: undefined, isReading: true };
}

function after<State extends { isReading: boolean }, Value>(
  before: State,
  result: ReadResult<Value> | undefined,
): State {
  if (result === undefined) return { ...before, isReading: false };
  if (result.outcome !== 'ok') return { ...before, isReading: false, refusal: result };
  const { value } = result;
  const arrivedAtMs = performance.now();
  return { ...before, isReading: false, value, arrivedAtMs, refusal: undefined };
}
