// SPDX-License-Identifier: GPL-3.0-or-later
/** The claims that sagas end, and what the books say of them. */
import type { BookAction, BookKind, EntryRecord } from '../history.ts';
import { haveSagas, storedStateOf } from './claim-states.ts';
import type { Evidence, Sale, StoredClaim } from './evidence.ts';
import type { Outside } from './outside.ts';
import type { RuleFindings } from './verdict.ts';

/** Calls `visit` for each claim of a coupon with a saga that this history used. */
export function eachSagaClaim(
  { sales }: Evidence,
  visit: (one: StoredClaim, sale: Sale) => void,
): void {
  for (const sale of sales) {
    if (sale.ops.length === 0 || !haveSagas(sale)) continue;
    for (const one of sale.held) visit(one, sale);
  }
}

/** The entries of a claim in all books of a kind, or of any kind; those of one book in its order. */
export function entriesOf(outside: Outside, one: StoredClaim, kind?: BookKind): EntryRecord[] {
  const parts = outside.entriesOf.get(one.claim.claim_id) ?? [];
  const ofKind = parts.filter(({ book }) => kind === undefined || book.kind === kind);
  return ofKind.flatMap(({ entries }) => entries);
}

/** The sum of the amounts of these actions. */
export function sumOf(entries: readonly EntryRecord[], ...actions: BookAction[]): number {
  const chosen = entries.filter(({ action }) => actions.includes(action));
  return chosen.reduce((sum, { amount }) => sum + amount, 0);
}

/** Whether the books cannot be judged for this claim: an operator has to end its saga, or has said how it ended. */
export function needsOperator({ saga }: StoredClaim): boolean {
  return saga?.state === 'A' || saga?.is_resolved === true;
}

/** Whether the claim is confirmed or redeemed. */
export function isConfirmed(one: StoredClaim): boolean {
  const state = storedStateOf(one);
  return state === 'confirmed' || state === 'redeemed';
}

/** Reports the books that were not read after the last operation: their last entries are not known. */
export function checkReadings({ outside, sales, history }: Evidence, findings: RuleFindings): void {
  let last = -1;
  for (const sale of sales) {
    if (!haveSagas(sale)) continue;
    for (const op of sale.ops) {
      const isOfClaim = history.operation(op) === 'claim' || history.isChange(op);
      if (isOfClaim) last = Math.max(last, history.begunEvent.at(op));
    }
  }
  for (const { name, readings } of outside.books) {
    if ((readings.at(-1)?.asked ?? -1) > last) continue;
    findings.undecided(`the book of ${name} was not read after the last request`);
  }
}
