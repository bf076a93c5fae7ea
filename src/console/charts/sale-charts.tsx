// SPDX-License-Identifier: GPL-3.0-or-later
import { useEffect, useId, useMemo, useState } from 'preact/hooks';
import type { Sale } from '../live/sale-data.ts';
import { goTo, useRoute } from '../routing/route.ts';
import { formatZone } from '../ui/time-of-day.ts';
import { useThrottled } from '../ui/use-throttled.ts';
import './sale-charts.css';

const choices = [2, 5, 15] as const;
const defaultMinutes = 15;

type Panels = typeof import('./chart-panels.tsx').default;

/** The charts of a sale. Their code is loaded after the rest of the page, so that numbers and actions come first. */
export function SaleCharts({ sale }: { sale: Sale }) {
  const seconds = useThrottled(sale.seconds);
  const { query } = useRoute();
  const minutes = choices.find((choice) => `${choice}` === query.get('minutes')) ?? defaultMinutes;
  const panels = useLazyPanels();
  const titleId = useId();
  const newest = seconds.at(-1);
  // A zone changes its offset at a full quarter of an hour.
  const quarter = newest && Math.floor(newest.atMs / 900_000);
  const zone = useMemo(() => quarter && formatZone(quarter * 900_000), [quarter]);
  return (
    <section class="stack" aria-labelledby={titleId}>
      <div class="row charts-head">
        <h2 id={titleId}>Charts</h2>
        <MinutesChoice minutes={minutes} />
        {zone && <small>Times are in {zone}</small>}
      </div>
      {panels === 'failed' && (
        <p class="note error">The code of the charts could not be loaded. Reload the page.</p>
      )}
      {newest === undefined && panels !== 'failed' && <p>No data has arrived yet.</p>}
      {typeof panels === 'object' && newest && (
        <panels.Panels seconds={seconds} minutes={minutes} amount={sale.overview?.coupon.amount} />
      )}
    </section>
  );
}

function useLazyPanels(): 'loading' | 'failed' | { Panels: Panels } {
  const [panels, setPanels] = useState<'loading' | 'failed' | { Panels: Panels }>('loading');
  useEffect(() => {
    import('./chart-panels.tsx').then(
      ({ default: Panels }) => setPanels({ Panels }),
      () => setPanels('failed'),
    );
  }, []);
  return panels;
}

function MinutesChoice({ minutes }: { minutes: number }) {
  const name = useId();
  const choose = (choice: number) => {
    const url = new URL(location.href);
    if (choice === defaultMinutes) url.searchParams.delete('minutes');
    else url.searchParams.set('minutes', `${choice}`);
    goTo(`${url.pathname}${url.search}`, { replace: true });
  };
  return (
    <fieldset class="minutes-choice">
      <legend class="visually-hidden">Minutes that the charts show</legend>
      {choices.map((choice) => (
        <label key={choice}>
          <input
            type="radio"
            name={name}
            checked={choice === minutes}
            onChange={() => choose(choice)}
          />
          {choice} min
        </label>
      ))}
    </fieldset>
  );
}
