// SPDX-License-Identifier: GPL-3.0-or-later
import type { DumpedLedgerRow } from '../../dump.ts';
import { counted } from '../../numbers.ts';
import { nextPosition } from '../assumptions.ts';
import type { Evidence, Sale } from '../evidence.ts';
import { changesOf, isOfClaims, returnsUnit, unitsReturned } from '../ledger-rows.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R1. Replays the ledger of each coupon from its first row: the units granted less the units claimed, with those that came
 * back, are never below 0 and equal what each row says; at no row are there more live claims than units; and the rows are
 * numbered from 1 without a gap. So no moment is oversold, not just the last one.
 */
export function noOversell({ sales }: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R1',
    'nothing is oversold, at any moment of the ledger',
    'no coupon of this history is stored',
  );
  const batches = new Map<string, string>();
  for (const sale of sales) {
    if (sale.coupon === undefined) continue;
    playLedger(sale, findings);
    for (const { batch_id, seq } of sale.ledger) {
      const here = `${sale.name} seq ${seq}`;
      const before = batches.get(batch_id);
      if (before !== undefined) {
        findings.violation(() => `batch ${batch_id} is recorded twice: ${before} and ${here}`);
      }
      batches.set(batch_id, here);
    }
    const { amount } = sale.coupon;
    const live = sale.held.filter(({ released }) => released === undefined).length;
    if (live > amount) {
      findings.violation(
        () => `${sale.name}: ${counted(live, 'claim')} of ${counted(amount, 'unit')}`,
      );
    }
  }
  return findings.end();
}

function playLedger({ name, ledger }: Sale, findings: RuleFindings): void {
  let remaining = 0;
  let granted = 0;
  let taken = 0;
  const ended = new Set<number>();
  if (ledger.length === 0) findings.violation(() => `${name}: has no ledger`);
  for (const [index, row] of ledger.entries()) {
    findings.checked += 1;
    const expect = (isSo: boolean, problem: () => string) => {
      if (!isSo) findings.violation(() => `${name} seq ${row.seq}: ${problem()}`);
    };
    expect(row.seq === String(index + 1), () => `is where seq ${index + 1} belongs`);
    expect((row.kind === 'grant') === (index === 0), () => `is a ${row.kind}`);
    expect(hasPossibleUnits(row), () => counted(row.units, 'unit'));
    if (isOfClaims(row)) {
      const first = row.first_position;
      const next = row.units === 0 ? null : nextPosition(taken);
      expect(first === next, () => `begins at position ${first}, not ${next}`);
      taken += row.units;
      remaining += unitsReturned(row) - row.units;
      for (const change of changesOf(row)) if (returnsUnit(change)) ended.add(change.position);
      const live = taken - ended.size;
      expect(
        live <= granted || remaining < 0,
        () => `${counted(live, 'claim')} of ${counted(granted, 'unit')}: oversold`,
      );
    } else {
      expect(row.first_position === null, () => `a ${row.kind} has a position`);
      expect(otherKinds.has(row.kind), () => `kind is ${row.kind}`);
      granted += row.units;
      remaining += row.units;
    }
    const recorded = row.remaining_after;
    const computed = remaining;
    expect(
      computed >= 0 && recorded >= 0,
      () => `${counted(Math.min(computed, recorded), 'unit')} left: oversold`,
    );
    expect(
      recorded === computed,
      () => `says ${counted(recorded, 'unit')} left, expected ${computed}`,
    );
  }
}

/** The kinds of rows besides those of claims. */
const otherKinds = new Set(['grant', 'stock_added', 'void', 'opened', 'closed']);
/** Those that move no unit. */
const emptyKinds = new Set(['void', 'opened', 'closed']);

/** A batch that only changes claims gives no unit away. */
function hasPossibleUnits(row: DumpedLedgerRow): boolean {
  if (emptyKinds.has(row.kind)) return row.units === 0;
  return row.units >= 1 || (row.kind === 'mixed' && row.units === 0);
}
