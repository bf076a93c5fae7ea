// SPDX-License-Identifier: GPL-3.0-or-later
import { useEffect, useState } from 'preact/hooks';
import type { OutcomeHistory } from '../../client.ts';
import { claimedEach, rateSeconds, ratesOf } from '../../figures/rates.ts';
import { SaleSeconds } from '../../figures/sale-seconds.ts';
import { service } from '../service.ts';

const everyMs = 10_000;
const salesMax = 20;
const minutes = 2;

/** How fast a sale is claimed. What is unknown is null. */
export type ClaimRates = {
  /** Claims a second in the last two minutes, each the mean of some seconds, the oldest first. */
  values: (number | null)[];
  /** Claims a second now. */
  last: number | null;
};

/** The claims a second of the first 20 of these sales, in the last two minutes. They are read one after the other. */
export function useClaimRates(names: readonly string[]): ReadonlyMap<string, ClaimRates> {
  const [rates, setRates] = useState<ReadonlyMap<string, ClaimRates>>(new Map());
  const watched = JSON.stringify(names.slice(0, salesMax));
  useEffect(() => {
    const abort = new AbortController();
    const { signal } = abort;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const readAll = async () => {
      const all = new Map<string, ClaimRates>();
      for (const name of JSON.parse(watched) as string[]) {
        if (document.hidden || signal.aborted) break;
        const read = await service
          .readOutcomeHistory({ name, minutes }, { signal })
          .catch(() => undefined);
        if (signal.aborted) return;
        if (read?.outcome === 'ok') all.set(name, claimRatesOf(read.value));
      }
      // Once for all, since it draws the list again. A hidden page has read none, and keeps what it shows.
      if (!document.hidden) setRates(all);
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

function claimRatesOf(history: OutcomeHistory): ClaimRates {
  const kept = new SaleSeconds(minutes);
  kept.beginHistory()(history);
  const seconds = kept.listFrom(0);
  return {
    values: claimedEach(seconds, rateSeconds),
    last: ratesOf(seconds, { count: rateSeconds })?.claimed ?? null,
  };
}
