// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The engine without HTTP and without a queue: callers in this process claim one coupon, each for another user. Prints the
 * figures of its measured seconds. Arguments: coupon, callers, first user, seconds to warm up, seconds to measure.
 */
import pg from 'pg';
import type * as Library from '../../src/library.ts';
import { ClaimRecord, claimInLoop } from '../claim-record.ts';
import { userOf } from '../set-up.ts';

const [couponName = '', callers = '', ...numbers] = process.argv.slice(2);
const [firstUser = 1, warmSeconds = 1, seconds = 1] = numbers.map(Number);
const { createFirstcome, migrate }: typeof Library = await import(
  new URL('library.js', process.env.BUILT_SERVICE).href
);
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 8 });
pool.on('error', () => undefined);
const place = { pool, schema: 'firstcome' };
await migrate(place);
const firstcome = await createFirstcome(place);
await firstcome.createCoupon({ name: couponName, amount: 2_000_000_000 });

const record = new ClaimRecord();
await claimInLoop(
  Number(callers),
  { firstUser, warmSeconds, seconds },
  record,
  async (user) => (await firstcome.claim({ couponName, userId: userOf(user) })).outcome,
);
record.print();
await firstcome.stop();
await pool.end();
