// SPDX-License-Identifier: GPL-3.0-or-later
import { SaleActions } from '../actions/sale-actions.tsx';
import { SaleAlarms } from '../alarms/sale-alarms.tsx';
import { SaleCharts } from '../charts/sale-charts.tsx';
import { useSale } from '../live/use-sale.ts';
import { Link } from '../routing/link.tsx';
import { Text } from '../ui/text.tsx';
import { CheckPanel } from './parts/check-panel.tsx';
import { ClaimSearch } from './parts/claim-search.tsx';
import { SaleExports } from './parts/sale-exports.tsx';
import './sale.css';
import { SaleBreakdown } from './sale-breakdown.tsx';
import { SaleHeader } from './sale-header.tsx';
import { SaleNumbers } from './sale-numbers.tsx';

/** One sale, live. */
export function SaleView({ name }: { name: string }) {
  const sale = useSale(name);
  const refused = sale.refusal?.outcome;
  if (refused === 'coupon_not_found' || refused === 'invalid_request') {
    return <NoSale name={name} />;
  }
  return (
    <div class="sale-view">
      <SaleHeader sale={sale} />
      <SaleAlarms sale={sale} />
      <SaleNumbers sale={sale} />
      <SaleActions sale={sale} />
      <SaleBreakdown sale={sale} />
      <SaleCharts sale={sale} />
      <ClaimSearch name={name} />
      <CheckPanel name={name} />
      <SaleExports name={name} />
    </div>
  );
}

function NoSale({ name }: { name: string }) {
  return (
    <>
      <h1>No such sale</h1>
      <p>
        {name === '' ? (
          'The address of this page names no coupon.'
        ) : (
          <>
            There is no coupon <Text of={name} />.
          </>
        )}{' '}
        <Link view="">All sales</Link>
      </p>
    </>
  );
}
