// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import { expect, it } from 'vitest';
import { InstallationWatch } from '../installation/installation-watch.ts';
import {
  NotPrimaryError,
  type SessionFacts,
  sessionProblem,
  verifySession,
} from './verify-session.ts';

const primary = { in_recovery: false, read_only: false };
const readOnly = { in_recovery: false, read_only: true };
const standby = { in_recovery: true, read_only: true };

it('accepts a session on a primary, and for reads also one on a read-only primary', () => {
  expect(sessionProblem(primary, { writes: true })).toBeUndefined();
  expect(sessionProblem(primary, {})).toBeUndefined();
  expect(sessionProblem(readOnly, {})).toBeUndefined();
});

it('rejects a session on a standby, for reads and for writes', () => {
  for (const requirements of [{}, { writes: true }]) {
    const problem = sessionProblem(standby, requirements);
    expect(problem).toBeInstanceOf(NotPrimaryError);
    expect(problem).toMatchObject({
      inRecovery: true,
      message: expect.stringContaining('not a writable primary'),
    });
  }
});

it('rejects a session on a read-only server when it needs writes', () => {
  expect(sessionProblem(readOnly, { writes: true })).toMatchObject({
    inRecovery: false,
    message: expect.stringContaining('read-only'),
  });
});

/** A watch for the installation `ours`; with `isDifferent` another one was found before. */
function watchOver({ isDifferent = false } = {}): InstallationWatch {
  const installation = new InstallationWatch({ identity: 'ours', warn: () => undefined });
  if (isDifferent) installation.checkNewConnection('theirs');
  return installation;
}

/** A connection to a server with these facts; without an identity it lacks our functions. */
function connectionTo(facts: SessionFacts & { identity?: string }): pg.ClientBase {
  const query = async (sent: string | { text: string }) => {
    const text = typeof sent === 'string' ? sent : sent.text;
    if (text.includes('installation_identity') && facts.identity === undefined) {
      throw Object.assign(new Error('function does not exist'), { code: '42883' });
    }
    return { rows: [facts] };
  };
  return { query } as unknown as pg.ClientBase;
}

it('does not take a standby that lags behind the migrations for another installation', async () => {
  const installation = watchOver();
  await expect(verifySession(connectionTo(standby), { installation })).rejects.toMatchObject({
    ...{ name: 'NotPrimaryError', inRecovery: true },
  });
  expect(installation.isDifferent).toBe(false);
});

it('does not take a standby that still shows replaced tables for another installation', async () => {
  const installation = watchOver();
  const client = connectionTo({ ...standby, identity: 'theirs' });
  await expect(verifySession(client, { installation })).rejects.toBeInstanceOf(NotPrimaryError);
  expect(installation.isDifferent).toBe(false);
});

it('does not take a standby with the right installation as proof that the database is back', async () => {
  const installation = watchOver({ isDifferent: true });
  const client = connectionTo({ ...standby, identity: 'ours' });
  await expect(verifySession(client, { installation })).rejects.toBeInstanceOf(NotPrimaryError);
  expect(installation.isDifferent).toBe(true);
});

it('finds another installation on a primary with other tables or none', async () => {
  for (const facts of [primary, readOnly, { ...primary, identity: 'theirs' }]) {
    const installation = watchOver();
    await expect(
      verifySession(connectionTo(facts), { installation, writes: true }),
    ).rejects.toMatchObject({ name: 'DifferentInstallationError' });
    expect(installation.isDifferent).toBe(true);
  }
});
