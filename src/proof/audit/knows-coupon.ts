// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from 'node:fs';
import { connectToDatabase, type DumpedDatabase } from './take-dump.ts';

const findCoupon = readFileSync(new URL('./sql/find-coupon.sql', import.meta.url), 'utf8');

/** Whether this database has a coupon of that name. */
export async function knowsCoupon(database: DumpedDatabase, name: string): Promise<boolean> {
  const client = await connectToDatabase(database);
  try {
    const { rows } = await client.query(findCoupon, [name]);
    return rows.length > 0;
  } finally {
    await client.end();
  }
}
