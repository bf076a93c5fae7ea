// SPDX-License-Identifier: GPL-3.0-or-later
import { never } from './columns.ts';
import { placeOf } from './event-place.ts';
import type { Sale } from './evidence.ts';
import { changesOf, positionsGiven } from './ledger-rows.ts';
import type { Outside } from './outside.ts';
import type { RecordedHistory } from './recorded-history.ts';

/** Of each row of the ledger, by its index: the line of the history by which it was certainly committed. */
export function knownRows(
  history: RecordedHistory,
  { sale, outside }: { sale: Sale; outside: Outside },
): number[] {
  const { held, ledger, ops } = sale;
  const known = ledger.map(() => never);
  const show = (index: number, line: number) => {
    const before = known[index];
    if (before !== undefined && line < before) known[index] = line;
  };
  const shownAs = linesByState(history, ops);
  const byPosition = new Map(held.map((one) => [one.claim.position, one]));
  for (const [index, row] of ledger.entries()) {
    for (const position of positionsGiven(row))
      show(index, byPosition.get(position)?.shown ?? never);
    for (const { position, change } of changesOf(row)) {
      const id = byPosition.get(position)?.claim.claim_id ?? '';
      show(index, shownAs.get(`${change} ${history.claimIds.find(id)}`) ?? never);
    }
  }
  for (const { id, i } of outside.received) {
    const place = placeOf(id);
    if (place !== undefined && place.couponId === sale.coupon?.id) show(Number(place.seq) - 1, i);
  }
  // A ledger is written in order: what shows a row shows all rows before it.
  for (let index = known.length - 2; index >= 0; index -= 1) {
    show(index, known[index + 1] ?? never);
  }
  return known;
}

const changes = { confirmed: 'C', redeemed: 'U', released: 'R', reserved: '' } as const;

/** For each change of a claim, the first line that shows the claim in the state to which the change leads. */
function linesByState(history: RecordedHistory, ops: Int32Array): Map<string, number> {
  const lines = new Map<string, number>();
  for (const op of ops) {
    const state = history.state(op);
    if (state === undefined) continue;
    const key = `${changes[state]} ${history.claimId.at(op)}`;
    lines.set(key, Math.min(history.endEvent(op), lines.get(key) ?? never));
  }
  return lines;
}
