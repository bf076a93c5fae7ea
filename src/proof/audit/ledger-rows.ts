// SPDX-License-Identifier: GPL-3.0-or-later
/** What a row of the ledger says about claims. */
import type { DumpedLedgerRow } from '../dump.ts';

/** A change of a claim in a ledger row. The claim may be one that the same row made. */
export type RecordedChange = { position: number; change: string };

/** Whether claims can be made or changed by a row of this kind. */
export function isOfClaims({ kind }: DumpedLedgerRow): boolean {
  return kind === 'claimed' || kind === 'mixed';
}

/** The positions that the row gave away. */
export function positionsGiven(row: DumpedLedgerRow): number[] {
  const first = row.first_position;
  if (!isOfClaims(row) || first === null) return [];
  return Array.from({ length: row.units }, (_, index) => first + index);
}

/** The changes of claims in the row, in order. */
export function changesOf({ changed_positions: positions, changes }: DumpedLedgerRow) {
  return (positions ?? []).map((position, index): RecordedChange => {
    return { position, change: changes?.[index] ?? '' };
  });
}

/** Whether this change gives the unit of the claim back. */
export function returnsUnit({ change }: RecordedChange): boolean {
  return change === 'R' || change === 'E';
}

/** The units that the row gives back, as it says. */
export function unitsReturned({ returned_units: units }: DumpedLedgerRow): number {
  return units ?? 0;
}
