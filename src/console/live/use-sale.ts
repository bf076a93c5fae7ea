// SPDX-License-Identifier: GPL-3.0-or-later
import { useEffect, useState } from 'preact/hooks';
import { service } from '../service.ts';
import { browserEnvironment } from './browser-environment.ts';
import type { Sale } from './sale-data.ts';
import { SaleFeed } from './sale-feed.ts';
import { SaleState } from './sale-state.ts';

/** Follows a sale as long as its component is there. */
export function useSale(name: string): Sale {
  const [sale, setSale] = useState<Sale>(() => new SaleState(name).sale(0, false));

  useEffect(() => {
    let isShown = true;
    const feed = new SaleFeed(name, browserEnvironment, (changed) => {
      if (isShown) setSale(changed);
    });
    const update = () => feed.setVisible(!document.hidden);
    const sleep = () => feed.sleep();
    update();
    document.addEventListener('visibilitychange', update);
    // A page that the browser keeps for its back button would keep its stream too.
    addEventListener('pagehide', sleep);
    addEventListener('pageshow', update);
    return () => {
      isShown = false;
      document.removeEventListener('visibilitychange', update);
      removeEventListener('pagehide', sleep);
      removeEventListener('pageshow', update);
      feed.sleep();
    };
  }, [name]);

  // Another tab may have made the call that was refused: this one finds out by itself that its session has ended.
  const isUnauthorized = sale.refusal?.outcome === 'unauthorized';
  useEffect(() => {
    if (isUnauthorized) void service.readConsoleSession({}).catch(() => undefined);
  }, [isUnauthorized]);

  return sale;
}
