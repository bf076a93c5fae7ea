// SPDX-License-Identifier: GPL-3.0-or-later

import type { DumpedCoupon, DumpedLedgerRow } from '../../dump.ts';
import { counted } from '../../numbers.ts';
import { claimsAt, nextPosition } from '../assumptions.ts';
import type { Evidence, Sale } from '../evidence.ts';
import { isOfClaims, unitsReturned } from '../ledger-rows.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R8. The coupon's row, its claims and its ledger agree. Positions run from 1 to the number of claims, those that ended
 * included. Each ledger row that gave units away covers exactly the claims of its positions, with its time. The units that
 * came back are those of the claims that ended.
 */
export function recordsAgree({ dump, sales }: Evidence): RuleReport {
  const findings = new RuleFindings('R8', 'stock, claims and ledger agree', 'no coupon is stored');
  const ids = new Set(dump.coupons.map(({ id }) => id));
  for (const [name, rows] of [
    ['a claim', dump.claims],
    ['a claim that ended', dump.released_claims ?? []],
    ['a redemption', dump.redemptions ?? []],
    ['a row of the ledger', dump.ledger],
  ] as const) {
    const stray = rows.find((row) => !ids.has(row.coupon_id));
    if (stray !== undefined) {
      findings.violation(
        () => `${name} belongs to coupon ${stray.coupon_id}, which does not exist`,
      );
    }
  }
  if (new Set(dump.coupons.map(({ name }) => name)).size < dump.coupons.length) {
    findings.violation(() => 'two coupons have the same name');
  }
  for (const sale of sales) {
    if (sale.coupon !== undefined) compareRecords(sale, sale.coupon, findings);
  }
  return findings.end();
}

function compareRecords(sale: Sale, coupon: DumpedCoupon, findings: RuleFindings): void {
  const { name, held, ledger } = sale;
  findings.checked += 1;
  const expect = (isSo: boolean, problem: string) => {
    if (!isSo) findings.violation(() => `${name}: ${problem}`);
  };
  const given = claimsAt({ amount: coupon.amount, remaining: coupon.remaining_amount });
  const live = held.filter(({ released }) => released === undefined).length;
  const claimed = unitsOf(ledger, ['claimed', 'mixed']);
  const returned = ledger.reduce((sum, row) => sum + unitsReturned(row), 0);
  const granted = unitsOf(ledger, ['grant', 'stock_added']);
  const last = ledger.at(-1);
  expect(given === live, `${counted(given, 'unit')} gone, but ${counted(live, 'claim')} stored`);
  expect(
    claimed === held.length,
    `the ledger gave ${counted(claimed, 'unit')}, to ${counted(held.length, 'claim')}`,
  );
  expect(
    given === claimed - returned,
    `${counted(given, 'unit')} gone, by the ledger ${claimed - returned}`,
  );
  expect(
    returned === held.length - live,
    `the ledger took back ${counted(returned, 'unit')}, of ${counted(held.length - live, 'claim')}`,
  );
  expect(
    String(returned) === (coupon.returned_units ?? String(returned)),
    `${coupon.returned_units} units came back, by the ledger ${returned}`,
  );
  expect(granted === coupon.amount, `the amount is ${coupon.amount}, by the ledger ${granted}`);
  expect(
    last?.remaining_after === coupon.remaining_amount,
    `${counted(coupon.remaining_amount, 'unit')} left, by the ledger ${last?.remaining_after}`,
  );
  expect(
    last?.seq === coupon.ledger_seq,
    `the ledger ends with seq ${last?.seq}, not ${coupon.ledger_seq}`,
  );
  const misplaced = held.findIndex(({ claim }, index) => claim.position !== nextPosition(index));
  expect(misplaced === -1, `position ${misplaced + 1} is not given exactly once`);
  compareClaims(sale, expect);
}

function compareClaims(
  { held, ledger }: Sale,
  expect: (isSo: boolean, problem: string) => void,
): void {
  let index = 0;
  for (const row of ledger) {
    if (!isOfClaims(row) || row.first_position === null) continue;
    const end = row.first_position + row.units;
    let covered = 0;
    for (; index < held.length; index += 1) {
      const claim = held[index]?.claim;
      if (claim === undefined || claim.position >= end) break;
      if (claim.position < row.first_position) continue;
      covered += 1;
      expect(
        claim.claimed_at === row.recorded_at,
        `position ${claim.position} was claimed at ${claim.claimed_at}, by seq ${row.seq} at ${row.recorded_at}`,
      );
    }
    expect(
      covered === row.units,
      `seq ${row.seq} gave ${counted(row.units, 'unit')} from position ${row.first_position}, claims there: ${covered}`,
    );
  }
}

function unitsOf(ledger: readonly DumpedLedgerRow[], kinds: readonly string[]): number {
  let units = 0;
  for (const row of ledger) if (kinds.includes(row.kind)) units += row.units;
  return units;
}
