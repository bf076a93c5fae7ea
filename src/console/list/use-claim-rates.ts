// SPDX-License-Identifier: GPL-3.0-or-later
import { useEffect, useState } from 'preact/hooks';
import { service } from '../service.ts';
import { type ClaimRates, claimRates } from './claim-rates.ts';

const everyMs = 10_000;
const salesMax = 20;

/** The claims a second of the first 20 of these sales, in the last two minutes. They are read one after the other. */
export function useClaimRates(names: readonly string[]): ReadonlyMap<string, ClaimRates> {
  const [rates, setRates] = useState<ReadonlyMap<string, ClaimRates>>(new Map());
  const watched = JSON.stringify(names.slice(0, salesMax));
  useEffect(() => {
    const abort = new AbortController();
    const { signal } = abort;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const readAll = async () => {
      for (const name of JSON.parse(watched) as string[]) {
        if (document.hidden || signal.aborted) break;
        const read = await service
          .readOutcomeHistory({ name, minutes: 2 }, { signal })
          .catch(() => undefined);
        if (signal.aborted) return;
        const known = read?.outcome === 'ok' ? claimRates(read.value) : undefined;
        setRates((before) => replaced(before, name, known));
      }
      timer = setTimeout(readAll, everyMs);
    };
    readAll();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [watched]);
  return rates;
}

function replaced<Value>(before: ReadonlyMap<string, Value>, name: string, value?: Value) {
  const after = new Map(before);
  if (value === undefined) after.delete(name);
  else after.set(name, value);
  return after;
}
