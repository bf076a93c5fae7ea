// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';

/**
 * Opens a pool of the driver, as a host program does. Its connections may break: a pool that has ended still closes them
 * while the test drops its database or stops its server.
 */
export function openPool(config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool(config);
  pool.on('error', () => undefined);
  // A connection that is closing no longer belongs to the pool.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}
