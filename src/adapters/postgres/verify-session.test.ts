// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { judgeSession, NoPrimaryError } from './verify-session.ts';

const primary = { in_recovery: false, read_only: false };
const readOnly = { in_recovery: false, read_only: true };
const standby = { in_recovery: true, read_only: true };

it('a session on a primary is accepted, for reads also while the server is read-only', () => {
  expect(judgeSession(primary, { writes: true })).toBeUndefined();
  expect(judgeSession(primary, {})).toBeUndefined();
  expect(judgeSession(readOnly, {})).toBeUndefined();
});

it('a session on a standby is rejected, whatever it is needed for', () => {
  for (const requirements of [{}, { writes: true }]) {
    const problem = judgeSession(standby, requirements);
    expect(problem).toBeInstanceOf(NoPrimaryError);
    expect(problem).toMatchObject({
      inRecovery: true,
      message: expect.stringContaining('not a writable primary'),
    });
  }
});

it('a session on a read-only server is rejected where it must take writes', () => {
  expect(judgeSession(readOnly, { writes: true })).toMatchObject({
    inRecovery: false,
    message: expect.stringContaining('read-only'),
  });
});
