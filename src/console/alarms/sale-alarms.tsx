// SPDX-License-Identifier: GPL-3.0-or-later
import { useMemo } from 'preact/hooks';
import type { Health } from '../../client.ts';
import type { Sale } from '../live/sale-data.ts';
import { useServerNow } from '../ui/use-now.ts';
import type { Reading } from './alarm.ts';
import { AlarmList } from './alarm-list.tsx';
import { alarmsOf } from './alarms-of.ts';
import { useServiceFacts } from './use-service-facts.ts';

/** The alarms of a sale and of the service. */
export function SaleAlarms({ sale }: { sale: Sale }) {
  const nowMs = useServerNow();
  const { health, arrivedAtMs } = sale;
  const reading = useMemo<Reading<Health>>(() => {
    if (health !== undefined) return { state: 'known', value: health };
    return { state: sale.status === 'connecting' ? 'pending' : 'unknown' };
  }, [health, sale.status]);
  const service = useServiceFacts(reading);
  const ageMs = arrivedAtMs === undefined ? undefined : performance.now() - arrivedAtMs;
  return <AlarmList set={alarmsOf({ sale, service, nowMs, ageMs })} />;
}
