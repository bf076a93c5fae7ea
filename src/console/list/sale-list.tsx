// SPDX-License-Identifier: GPL-3.0-or-later
import { useEffect, useRef, useState } from 'preact/hooks';
import type { CouponState } from '../../client.ts';
import { Link } from '../routing/link.tsx';
import { service } from '../service.ts';
import { useMayOperate } from '../session/session.tsx';
import { FilterLinks } from '../ui/filter-links.tsx';
import { formatCount } from '../ui/format.ts';
import { RefusalNote } from '../ui/refusal-note.tsx';
import { useRead } from '../ui/use-read.ts';
import './list.css';
import { ListAge } from './list-age.tsx';
import { NameSearch } from './name-search.tsx';
import { filterOf, type SaleFilter } from './sale-filter.ts';
import { lacksSales, readSaleGroups, type SaleGroup } from './sale-groups.ts';
import { SaleRow } from './sale-row.tsx';
import { useClaimRates } from './use-claim-rates.ts';
import { useKeptFocus } from './use-kept-focus.ts';

const shows = [
  ['', 'All'],
  ['open', 'Open'],
  ['paused', 'Paused'],
  ['scheduled', 'Scheduled'],
  ['closed', 'Closed'],
  ['archived', 'Archived'],
] as const;

const stepCount = 50;
const everyMs = 5_000;

/** All sales, those that are open first. */
export function SaleList({ query }: { query: URLSearchParams }) {
  const filter = filterOf(query);
  const show = query.get('show') ?? undefined;
  const prefix = filter.namePrefix;
  const [counts, setCounts] = useState<Record<CouponState, number>>({
    ...{ open: stepCount, paused: stepCount },
    ...{ scheduled: stepCount, closed: stepCount },
  });
  const read = useRead(
    (signal) =>
      readSaleGroups((args, options) => service.listCoupons(args, options), filter, counts, signal),
    { key: JSON.stringify(filter), everyMs },
  );
  // While another filter is read, what was there stays, so that the page does not jump.
  const latest = useRef<SaleGroup[] | undefined>(undefined);
  if (read.value !== undefined) latest.current = read.value;
  const groups = read.value ?? latest.current;
  const { reload } = read;
  useEffect(() => {
    if (lacksSales(latest.current ?? [], counts)) reload();
  }, [counts, reload]);
  const open = groups?.find(({ state }) => state === 'open')?.sales ?? [];
  const rates = useClaimRates(open.map(({ name }) => name));
  const root = useKeptFocus<HTMLDivElement>();

  return (
    <div class="sale-list stack" ref={root} aria-busy={read.value === undefined}>
      <div class="row head">
        <h1>Sales</h1>
        <ListAge arrivedAtMs={read.arrivedAtMs} />
        <CreateLink />
      </div>
      <div class="row head">
        <FilterLinks
          {...{ label: 'State', view: '', name: 'show', chosen: show ?? null, options: shows }}
          query={prefix === '' ? {} : { prefix }}
        />
        <NameSearch prefix={prefix} show={show} />
      </div>
      <RefusalNote refusal={read.refusal} />
      {groups === undefined && read.isReading && <p>Loading …</p>}
      {groups?.map(
        (group) =>
          group.sales.length > 0 && (
            <Group
              key={group.state}
              title={titleOf(group, filter)}
              {...{ group, rates, count: counts[group.state] }}
              onMore={() =>
                setCounts((before) => ({
                  ...before,
                  [group.state]: before[group.state] + stepCount,
                }))
              }
            />
          ),
      )}
      {read.value?.every(({ sales }) => sales.length === 0) && <Empty filter={filter} />}
    </div>
  );
}

function CreateLink() {
  return useMayOperate() ? (
    <Link view="create" class="button primary">
      Create a sale
    </Link>
  ) : null;
}

function titleOf({ state }: SaleGroup, { isArchived }: SaleFilter): string {
  if (isArchived) return 'Archived';
  return `${state.charAt(0).toUpperCase()}${state.slice(1)}`;
}

function Group({
  title,
  group: { state, sales, hasMore },
  rates,
  count,
  onMore,
}: {
  title: string;
  group: SaleGroup;
  rates: ReturnType<typeof useClaimRates>;
  count: number;
  onMore: () => void;
}) {
  const shown = sales.slice(0, count);
  const isAll = shown.length === sales.length && !hasMore;
  return (
    <section class="stack">
      <h2>
        {title}{' '}
        <small class="number">
          {formatCount(sales.length)}
          {hasMore && ' or more'}
        </small>
      </h2>
      <ul class="panel">
        {shown.map((sale) => (
          <SaleRow
            key={sale.name}
            sale={sale}
            rates={state === 'open' ? rates.get(sale.name) : undefined}
          />
        ))}
      </ul>
      {!isAll && (
        <button type="button" class="more" onClick={onMore}>
          Load more
        </button>
      )}
    </section>
  );
}

function Empty({ filter: { state, namePrefix, isArchived } }: { filter: SaleFilter }) {
  const mayOperate = useMayOperate();
  if (state !== undefined || namePrefix !== '' || isArchived) {
    return (
      <p class="panel">
        No sale matches. Names are compared from their first character, and with their case.{' '}
        <Link view="">Show all sales</Link>
      </p>
    );
  }
  return (
    <div class="panel">
      <p>There is no sale yet.</p>
      {mayOperate ? (
        <p>
          <Link view="create">Create a sale</Link>, here or by <code>POST /api/coupons</code>. It
          opens at once, or at the time that you choose.
        </p>
      ) : (
        <p>An operator creates sales with the admin key.</p>
      )}
    </div>
  );
}
