// SPDX-License-Identifier: GPL-3.0-or-later
import { SaleActions } from '../actions/sale-actions.tsx';
import { useSale } from '../live/use-sale.ts';
import { SaleHeader } from './sale-header.tsx';
import { SaleNumbers } from './sale-numbers.tsx';

/** One sale, live. */
export function SaleView({ name }: { name: string }) {
  const sale = useSale(name);
  return (
    <div class="stack">
      <SaleHeader sale={sale} />
      <SaleNumbers sale={sale} />
      <SaleActions sale={sale} />
    </div>
  );
}
