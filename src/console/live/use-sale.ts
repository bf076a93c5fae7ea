// SPDX-License-Identifier: GPL-3.0-or-later
import { useEffect, useState } from 'preact/hooks';
import { observeServerTime } from '../clock.ts';
import { service } from '../service.ts';
import type { Sale } from './sale-data.ts';
import { SaleSeconds } from './sale-seconds.ts';

/** Follows a sale as long as its component is there. */
export function useSale(name: string): Sale {
  const [sale, setSale] = useState<Sale>(() => connecting(name));
  useEffect(() => {
    const abort = new AbortController();
    const { signal } = abort;
    const seconds = new SaleSeconds();
    const change = (changes: Partial<Sale>) => {
      if (!signal.aborted) setSale((before) => ({ ...before, ...changes }));
    };
    const live = (changes: Partial<Sale>) =>
      change({ ...changes, status: 'live', arrivedAtMs: performance.now() });
    setSale(connecting(name));
    const readOverview = async () => {
      const sentAtMs = performance.now();
      const result = await service.readOverview({ name }, { signal, timeoutMs: 2_500 });
      if (result.outcome !== 'ok') return change({ refusal: result });
      observeServerTime(Date.parse(result.value.server_time), { sentAtMs });
      live({ overview: result.value, refusal: undefined });
    };
    const readHealth = async () => {
      const result = await service.readHealth({}, { signal, timeoutMs: 2_500 });
      if (result.outcome === 'ok') change({ health: result.value });
    };
    const follow = async () => {
      const take = seconds.beginHistory();
      const history = await service.readOutcomeHistory({ name }, { signal });
      if (history.outcome === 'ok') take(history.value);
      for await (const second of service.streamOutcomes({ name }, { signal })) {
        seconds.takeEvent(second);
        live({ seconds: seconds.list() });
      }
    };
    const each = (ms: number, read: () => Promise<void>) => {
      const run = () => void read().catch(() => undefined);
      run();
      const timer = setInterval(run, ms);
      signal.addEventListener('abort', () => clearInterval(timer));
    };
    each(1_000, readOverview);
    each(2_000, readHealth);
    void follow().catch(() => undefined);
    return () => abort.abort();
  }, [name]);
  return sale;
}

function connecting(name: string): Sale {
  return {
    ...{ name, status: 'connecting', seconds: [] },
    ...{ overview: undefined, health: undefined, arrivedAtMs: undefined, refusal: undefined },
  };
}
