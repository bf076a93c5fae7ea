// SPDX-License-Identifier: GPL-3.0-or-later
import { SaleActions } from '../actions/sale-actions.tsx';
import { SaleAlarms } from '../alarms/sale-alarms.tsx';
import { SaleCharts } from '../charts/sale-charts.tsx';
import { useSale } from '../live/use-sale.ts';
import { CheckPanel } from './parts/check-panel.tsx';
import { ClaimSearch } from './parts/claim-search.tsx';
import { SaleExports } from './parts/sale-exports.tsx';
import { SaleHeader } from './sale-header.tsx';
import { SaleNumbers } from './sale-numbers.tsx';

/** One sale, live. */
export function SaleView({ name }: { name: string }) {
  const sale = useSale(name);
  return (
    <div class="stack">
      <SaleHeader sale={sale} />
      <SaleAlarms sale={sale} />
      <SaleNumbers sale={sale} />
      <SaleActions sale={sale} />
      <SaleCharts sale={sale} />
      <ClaimSearch name={name} />
      <CheckPanel name={name} />
      <SaleExports name={name} />
    </div>
  );
}
