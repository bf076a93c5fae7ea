// SPDX-License-Identifier: GPL-3.0-or-later
import type { DumpedLedgerRow } from '../dump.ts';
import type { ClaimState } from '../history.ts';
import { areReserved } from './claim-states.ts';
import type { Sale } from './evidence.ts';
import { changesOf, positionsGiven } from './ledger-rows.ts';

/** An event that a row of the ledger stands for. */
export type ExpectedEvent = {
  seq: string;
  n: number;
  type: string;
  at: string;
  /** Of a claim: its position, and its state afterwards. */
  position?: number;
  state?: ClaimState;
};

const changed: Record<string, ClaimState> = {
  C: 'confirmed',
  U: 'redeemed',
  R: 'released',
  E: 'released',
};

/** All events of a ledger, in its order. */
export function expectedEvents(sale: Sale): ExpectedEvent[] {
  return sale.ledger.flatMap((row, index) => {
    return eventsOf(sale, { row, before: sale.ledger[index - 1]?.remaining_after });
  });
}

/** The claims that the row makes, then those that it changes, then what becomes of the coupon. */
function eventsOf(
  sale: Sale,
  { row, before }: { row: DumpedLedgerRow; before: number | undefined },
): ExpectedEvent[] {
  const { seq, recorded_at: at } = row;
  const first: ClaimState = areReserved(sale) ? 'reserved' : 'confirmed';
  const made = positionsGiven(row).map((position) => ({ position, state: first }));
  const changes = changesOf(row).map(({ position, change }) => {
    return { position, state: changed[change] ?? first };
  });
  const ofClaims = [...made, ...changes].map(({ position, state }, index) => {
    return { seq, n: index + 1, type: `claim.${state}`, at, position, state };
  });
  const ofCoupon = couponEvents(row, { before, low: sale.coupon?.stock_low_at ?? undefined });
  return [
    ...ofClaims,
    ...ofCoupon.map(([n, type]) => ({ seq, n: ofClaims.length + n, type: `coupon.${type}`, at })),
  ];
}

function couponEvents(
  { kind, remaining_after: after }: DumpedLedgerRow,
  { before, low }: { before: number | undefined; low: number | undefined },
): [n: number, type: string][] {
  const events: [number, string][] = [];
  if (kind === 'opened' || kind === 'closed') events.push([1, kind]);
  if (before === undefined) return events;
  if (low !== undefined && before > low && after <= low) events.push([2, 'stock_low']);
  if (before > 0 && after === 0) events.push([3, 'sold_out']);
  if (before === 0 && after > 0) events.push([3, 'back_in_stock']);
  return events;
}
