// SPDX-License-Identifier: GPL-3.0-or-later
import type { ClaimState } from '../history.ts';
import type { Sale } from './evidence.ts';
import type { RecordedHistory } from './recorded-history.ts';

/** A complete list of the claims of a coupon, in all states, as one node returned it page by page. */
export type ClaimList = {
  /** The request of its first page. */
  op: number;
  /** By the number of the claim id. */
  states: Map<number, ClaimState>;
};

/** The complete lists of a sale. A list whose last page is missing proves nothing. */
export function listsOf(history: RecordedHistory, { ops }: Sale): ClaimList[] {
  const lists: ClaimList[] = [];
  const open = new Map<number, ClaimList>();
  for (const op of ops) {
    if (history.operation(op) !== 'list_claims') continue;
    const node = history.node.at(op);
    const page = history.pages.get(op);
    const list = history.laterPages.has(op) ? open.get(node) : { op, states: new Map() };
    if (page === undefined || list === undefined) continue;
    for (const [claimId, state] of page.claims) list.states.set(claimId, state);
    open.set(node, list);
    if (!page.isLast) continue;
    lists.push(list);
    open.delete(node);
  }
  return lists;
}
