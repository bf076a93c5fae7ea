// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { reasonOfFailure } from './connection-failure.ts';

const failure = (message: string, code?: string) => Object.assign(new Error(message), { code });

it.each([
  ['WRONGPASS invalid username-password pair or user is disabled.', 'password in REDIS_URL'],
  ['NOAUTH Authentication required.', 'add it to REDIS_URL'],
  ["NOPERM this user has no permissions to run the 'set' command", 'begin with firstcome:'],
  ["OOM command not allowed when used memory > 'maxmemory'.", 'raise maxmemory'],
  ["READONLY You can't write against a read only replica.", 'name the primary'],
  ["Socket timeout. Expecting data, but didn't receive any in 2000ms.", 'is not frozen'],
  ['Redis has not answered within 50 ms', 'is not frozen'],
  ['MISCONF Redis is configured to save RDB snapshots', 'make room on the disk'],
])('what a server answers is followed by what to do: %s', (answer, advice) => {
  const reason = reasonOfFailure(failure(answer), false, false);
  expect(reason).toContain(`${answer}: `);
  expect(reason).toContain(advice);
});

it.each([
  ['ECONNREFUSED', false, true, 'check that Redis runs'],
  ['ENOTFOUND', true, true, 'check that Redis runs'],
  ['SELF_SIGNED_CERT_IN_CHAIN', true, true, 'NODE_EXTRA_CA_CERTS'],
  ['ETIMEDOUT', true, true, 'perhaps the server does not use TLS'],
  ['ECONNRESET', false, true, 'perhaps the server requires TLS'],
])('a failed connection is followed by what to do: %s', (code, tls, isNew, advice) => {
  expect(reasonOfFailure(failure('failed', code), tls, isNew)).toMatch(
    new RegExp(`^failed: .*${advice}`),
  );
});

it('nothing is advised where the message says all', () => {
  expect(reasonOfFailure(failure('read ECONNRESET', 'ECONNRESET'), false, false)).toBe(
    'read ECONNRESET',
  );
  expect(reasonOfFailure('frozen', false, false)).toBe('frozen');
});
