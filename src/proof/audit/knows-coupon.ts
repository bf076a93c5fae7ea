// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from 'node:fs';
import pg from 'pg';

const findCoupon = readFileSync(new URL('./sql/find-coupon.sql', import.meta.url), 'utf8');
const connectTimeoutMs = 10_000;

/** Whether this database has a coupon of that name. */
export async function knowsCoupon(database: pg.ClientConfig, name: string): Promise<boolean> {
  const client = new pg.Client({ ...database, connectionTimeoutMillis: connectTimeoutMs });
  await client.connect();
  try {
    const { rows } = await client.query(findCoupon, [name]);
    return rows.length > 0;
  } finally {
    await client.end();
  }
}
