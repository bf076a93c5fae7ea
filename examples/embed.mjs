// SPDX-License-Identifier: GPL-3.0-or-later
/** A program that embeds the engine and hands out coupons: DATABASE_URL=... node embed.mjs */
import { AppError, createFirstcome, migrate } from 'firstcome';
import pg from 'pg';

const say = (line) => process.stdout.write(`${line}\n`);

const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  connectionTimeoutMillis: 2000,
});
// Every pool needs one: without it, the loss of an idle connection ends the process.
pool.on('error', (error) => say(`an idle connection was lost: ${error.message}`));

// A step of the deployment; it does nothing when the schema is up to date.
await migrate({ pool });
const firstcome = await createFirstcome({ pool });

const couponName = `EMBED-${Date.now()}`;
await firstcome.createCoupon({ name: couponName, amount: 2 });

/** Claims, and retries when the outcome is unknown. */
async function claim(userId, idempotencyKey) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await firstcome.claim({ couponName, userId, idempotencyKey });
    } catch (error) {
      // The same key again gets the definite outcome, whether the first try was stored or not.
      if (!(error instanceof AppError && error.code === 'outcome_unknown') || attempt === 3)
        throw error;
    }
  }
}

const users = ['ada', 'bob', 'eve'];
const outcomes = await Promise.all(users.map((userId) => claim(userId, `tap-of-${userId}`)));
for (const [index, { outcome }] of outcomes.entries()) say(`${users[index]}: ${outcome}`);

const { amount, remainingAmount, holders } = await firstcome.readCoupon(couponName);
say(`${amount - remainingAmount} of ${amount} claimed, by ${holders.join(' and ')}`);

// First the engine, which ends the connections that the pool has lent, then the pool.
await firstcome.stop();
await pool.end();
