// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { audit } from '../../bench/audit.ts';
import type { BenchDatabase } from '../../bench/database-server.ts';
import { prefill } from '../../bench/prefill.ts';
import { openStores, outcomesOf } from '../support/stores.ts';
import { createTestDatabase } from '../support/test-database.ts';

it('claims that the bench stores by SQL are consistent, and the service goes on behind them', async () => {
  const database = await createTestDatabase();
  const stores = openStores(database.url);
  const bench = database as unknown as BenchDatabase;
  try {
    await stores.createCoupon('GROWN', 10_000);
    await prefill(bench, 'GROWN', 3000);
    expect(outcomesOf(await stores.decide('GROWN', ['ada', 'bob']))).toEqual([
      ...['claimed', 'claimed'],
    ]);
    expect(await audit(bench, 'firstcome', { min: 3002, max: 3002 })).toEqual([]);
    expect(await audit(bench, 'firstcome', { min: 3003, max: 3003 })).toEqual([
      '1 of 3003 acknowledged claims are not stored',
    ]);
  } finally {
    await stores.close();
    await database.drop();
  }
});
