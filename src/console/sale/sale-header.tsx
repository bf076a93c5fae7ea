// SPDX-License-Identifier: GPL-3.0-or-later
import type { Sale } from '../live/sale-data.ts';
import { RefusalNote } from '../ui/refusal-note.tsx';
import { Text } from '../ui/text.tsx';

/** Which sale it is, its state, and how old what the page shows is. */
export function SaleHeader({ sale }: { sale: Sale }) {
  return (
    <header>
      <h1>
        <Text of={sale.name} />
      </h1>
      <p>
        {sale.overview?.coupon.state} {sale.status}
      </p>
      <RefusalNote refusal={sale.refusal} />
    </header>
  );
}
