// SPDX-License-Identifier: GPL-3.0-or-later
/** Which sales the list shows, as the address of the page says it. */
import type { CouponState } from '../../client.ts';

/** Which sales are shown. */
export type SaleFilter = {
  /** Undefined: every state. Archived sales are all closed. */
  state: CouponState | undefined;
  namePrefix: string;
  isArchived: boolean;
};

/** The states in the order in which the list shows them. */
export const states = ['open', 'paused', 'scheduled', 'closed'] as const;

/** Reads the filter from an address. What it does not know is left out. */
export function filterOf(query: URLSearchParams): SaleFilter {
  const show = query.get('show');
  return {
    state: states.find((state) => state === show),
    namePrefix: query.get('prefix') ?? '',
    isArchived: show === 'archived',
  };
}
