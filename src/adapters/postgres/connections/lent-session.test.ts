// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import { expect, it } from 'vitest';
import { takeLentSession } from './lent-session.ts';

it('takeLentSession refuses a client of pg.native, which has no socket to close, and releases it unused', async () => {
  const calls: unknown[] = [];
  const client = {
    query: () => calls.push('query'),
    release: (destroy?: boolean) => calls.push(['release', destroy]),
  };
  type Connected = (error: undefined, client: unknown, release: unknown) => void;
  const pool = { connect: (connected: Connected) => connected(undefined, client, client.release) };
  await expect(
    takeLentSession(pool as unknown as pg.Pool, {
      ...{ settings: {}, timeoutMs: 1_000, onOpened: () => undefined },
    }),
  ).rejects.toThrow('native bindings');
  expect(calls).toEqual([['release', undefined]]);
});
