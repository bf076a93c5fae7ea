// SPDX-License-Identifier: GPL-3.0-or-later
/** Many holds that are due at the same moment. */
import { expect, it } from 'vitest';
import { claimDueHolds, plantDueHolds } from '../../bench/due-holds.ts';
import { auditRecords } from '../support/audit.ts';
import { createTestDatabase } from '../support/test-database.ts';

it('100,000 holds that are due at the same moment are all released, and no claim that arrives is refused', async () => {
  const database = await createTestDatabase();
  const sale = { coupon: 'due', holds: 100_000, sessions: 2, batchSize: 128 };
  await plantDueHolds(database.query, sale.coupon, sale.holds);
  const { outcomes, batchMs } = await claimDueHolds(database, sale);
  const claimed = batchMs.length * sale.batchSize;
  expect(claimed).toBeGreaterThan(0);
  expect(outcomes).toEqual({ claimed });
  expect(
    await database.query(
      `select amount - remaining_amount as claims, returned_units,
         (select count(*)::integer from claims where coupon_id = id and position > $1) as stored,
         (select count(*)::integer from claims where coupon_id = id and position <= $1) as due,
         (select count(*)::integer from released_claims where reason = 'expired') as released
       from coupons`,
      [sale.holds],
    ),
  ).toEqual([
    {
      ...{ claims: claimed, stored: claimed, due: 0 },
      ...{ returned_units: String(sale.holds), released: sale.holds },
    },
  ]);
  expect(await auditRecords(database.query)).toEqual([]);
  await database.drop();
}, 240_000);
