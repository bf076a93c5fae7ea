// SPDX-License-Identifier: GPL-3.0-or-later
import type { Sale } from '../live/sale-data.ts';
import { formatCount } from '../ui/format.ts';

/** The numbers of a sale. */
export function SaleNumbers({ sale }: { sale: Sale }) {
  const { coupon } = sale.overview ?? {};
  return (
    <section class="panel">
      <p>
        {formatCount(coupon?.remaining_amount)} of {formatCount(coupon?.amount)}
      </p>
    </section>
  );
}
