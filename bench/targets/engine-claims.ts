// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The engine without HTTP and without a queue: claims one coupon for many users, with as many claims under way as the worker
 * of the queue holds. Prints the claims a second. Arguments: coupon, claims, claims under way.
 */
import pg from 'pg';
import type { createFirstcome as Create } from '../../src/library.ts';

const [couponName = '', claims = '', underWay = ''] = process.argv.slice(2);
const { createFirstcome }: { createFirstcome: typeof Create } = await import(
  new URL('library.js', process.env.BUILT_SERVICE).href
);
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 8 });
pool.on('error', () => undefined);
const firstcome = await createFirstcome({ pool, schema: 'firstcome' });

await claimFor(1, Number(claims) / 10);
const startedMs = performance.now();
await claimFor(Number(claims), Number(claims));
const seconds = (performance.now() - startedMs) / 1000;
process.stdout.write(`claims/s ${Number(claims) / seconds}\n`);
await firstcome.stop();
await pool.end();

async function claimFor(firstUser: number, count: number): Promise<void> {
  let next = firstUser;
  const end = firstUser + count;
  const work = async () => {
    while (next < end) {
      const userId = `user-${10_000_000_000 + ((next * 48_271) % 2_147_483_647)}`;
      next += 1;
      const { outcome } = await firstcome.claim({ couponName, userId });
      if (outcome !== 'claimed') throw new Error(`a claim got ${outcome}`);
    }
  };
  await Promise.all(Array.from({ length: Number(underWay) }, work));
}
