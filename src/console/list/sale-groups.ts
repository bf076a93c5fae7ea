// SPDX-License-Identifier: GPL-3.0-or-later
/** Reads the sales of the list, state by state, because the service lists them in order of creation only. */
import type {
  CouponPage,
  CouponState,
  CouponSummary,
  ListCouponsArguments,
  ReadResult,
} from '../../client.ts';
import { readPages } from '../ui/read-pages.ts';
import { type SaleFilter, states } from './sale-filter.ts';
import { inOrder } from './sale-order.ts';

/** The sales of one state. */
export type SaleGroup = {
  state: CouponState;
  /** In order. */
  sales: CouponSummary[];
  /** The service has more of them. */
  hasMore: boolean;
};

/** Whether a group has fewer sales than are to be shown of it, and the service has more. */
export function lacksSales(
  groups: readonly Pick<SaleGroup, 'state' | 'sales' | 'hasMore'>[],
  counts: Record<CouponState, number>,
): boolean {
  return groups.some(({ state, sales, hasMore }) => hasMore && sales.length < counts[state]);
}

type ListCoupons = (
  args: ListCouponsArguments,
  options: { signal: AbortSignal },
) => Promise<ReadResult<CouponPage>>;

const pageMax = 1_000;

/**
 * Reads the groups that a filter shows. Of closed sales it reads at least `counts.closed`, where there are as many. Of every
 * other state it reads a thousand, so that the sale that opens soonest is among them although it was created long ago.
 */
export async function readSaleGroups(
  listCoupons: ListCoupons,
  { state, namePrefix, isArchived }: SaleFilter,
  counts: Record<CouponState, number>,
  signal: AbortSignal,
): Promise<ReadResult<SaleGroup[]>> {
  const shown: readonly CouponState[] = isArchived ? ['closed'] : state ? [state] : states;
  const reads = shown.map(async (one) => {
    const count = one === 'closed' ? counts.closed : Math.max(pageMax, counts[one]);
    const args: ListCouponsArguments = {
      ...{ state: one, order: 'newest', limit: Math.min(count, pageMax) },
      ...(isArchived && { archived: true }),
      ...(namePrefix !== '' && { name_prefix: namePrefix }),
    };
    const found = await readPages({
      readPage: async (cursor, pageSignal) => {
        const page = await listCoupons(
          { ...args, ...(cursor !== undefined && { cursor }) },
          { signal: pageSignal },
        );
        if (page.outcome !== 'ok') return page;
        const { coupons, next_cursor } = page.value;
        return { ...page, value: { items: coupons, next_cursor } };
      },
      ...{ cursor: undefined, count, signal },
    });
    return { ...found, state: one };
  });
  const all = await Promise.all(reads);
  const refused = all.find(({ refusal }) => refusal !== undefined)?.refusal;
  if (refused !== undefined) return refused;
  const value = withoutRepeats(all).map((group) => ({
    state: group.state,
    sales: inOrder(group.state, group.items),
    hasMore: group.cursor !== null,
  }));
  return { outcome: 'ok', status: 200, replayed: false, value };
}

/** A sale whose state changed between two reads is in both. It stays in the first one. */
function withoutRepeats<Group extends { items: CouponSummary[] }>(groups: Group[]): Group[] {
  const seen = new Set<string>();
  return groups.map((group) => {
    const items = group.items.filter(({ name }) => !seen.has(name));
    for (const { name } of items) seen.add(name);
    return { ...group, items };
  });
}
