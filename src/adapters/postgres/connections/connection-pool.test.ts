// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';
import { afterEach, expect, it, vi } from 'vitest';
import { ConnectionPool, withJitter } from './connection-pool.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

it('a pool closes although its driver never reports the end of a connection', async () => {
  vi.useFakeTimers();
  vi.spyOn(pg.Pool.prototype, 'end').mockReturnValue(new Promise(() => undefined) as never);
  const pool = new ConnectionPool({
    ...{ url: 'postgres://127.0.0.1:1/none', schema: 'firstcome', connectionsMax: 1 },
    ...{ connectTimeoutMs: 100, lockTimeoutMs: 100, statementTimeoutMs: 100 },
    onIdleConnectionLost: () => undefined,
  });
  const closed = pool.close();
  await vi.runAllTimersAsync();
  await closed;
});

it('withJitter makes the lifetime of a connection up to a tenth shorter or longer', () => {
  expect(withJitter(1_000, 0)).toBe(900);
  expect(withJitter(1_000, 0.5)).toBe(1_000);
  expect(withJitter(1_000, 0.999)).toBeCloseTo(1_100, 0);
});
