// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';
import { until } from './contract-service.ts';
import type { TestDatabase } from './test-database.ts';

/** A coupon whose row another transaction has locked: no claim of it can be decided before `release`. */
export type HeldCoupon = {
  /** Resolves when this many statements wait for the row. */
  untilWaiting(statements?: number): Promise<void>;
  /** Terminates the sessions that wait for the row, and returns how many there were. */
  cutWaiting(): Promise<number>;
  /** May be called twice. */
  release(): Promise<void>;
};

/** Locks the row of a coupon until `release`. */
export async function holdCoupon(database: TestDatabase, name: string): Promise<HeldCoupon> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query('begin');
  await client.query('select from coupons where name = $1 for update', [name]);
  const waiting = (what: string) =>
    database.query<{ pid: number }>(
      `select ${what} as pid from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`,
    );
  let released: Promise<void> | undefined;
  return {
    async untilWaiting(statements = 1) {
      await until(
        () => waiting('pid'),
        (rows) => rows.length >= statements,
      );
    },
    async cutWaiting() {
      return (await waiting('pg_terminate_backend(pid)')).length;
    },
    release() {
      released ??= client.end();
      return released;
    },
  };
}
