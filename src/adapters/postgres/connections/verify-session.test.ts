// SPDX-License-Identifier: GPL-3.0-or-later
import type pg from 'pg';
import { expect, it } from 'vitest';
import { InstallationWatch } from '../installation/installation-watch.ts';
import {
  judgeSession,
  NoPrimaryError,
  type SessionFacts,
  verifySession,
} from './verify-session.ts';

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

/** A watch for the installation `ours`, whose database was replaced already if `isOther`. */
function watchOver({ isOther = false } = {}): InstallationWatch {
  const installation = new InstallationWatch({ identity: 'ours', warn: () => undefined });
  if (isOther) installation.judgeNew('theirs');
  return installation;
}

/** A connection to a server with these facts; without an identity it lacks the functions of the service. */
function connectionTo(facts: SessionFacts & { identity?: string }): pg.ClientBase {
  const query = async (asked: string | { text: string }) => {
    const text = typeof asked === 'string' ? asked : asked.text;
    if (text.includes('installation_identity') && facts.identity === undefined) {
      throw Object.assign(new Error('function does not exist'), { code: '42883' });
    }
    return { rows: [facts] };
  };
  return { query } as unknown as pg.ClientBase;
}

it('a standby that has not caught up with the migrations shows no other installation', async () => {
  const installation = watchOver();
  await expect(verifySession(connectionTo(standby), { installation })).rejects.toMatchObject({
    ...{ name: 'NoPrimaryError', inRecovery: true },
  });
  expect(installation.isOther).toBe(false);
});

it('a standby that still shows the tables of before shows no other installation', async () => {
  const installation = watchOver();
  const client = connectionTo({ ...standby, identity: 'theirs' });
  await expect(verifySession(client, { installation })).rejects.toBeInstanceOf(NoPrimaryError);
  expect(installation.isOther).toBe(false);
});

it('a standby that still shows the right installation does not show that the database is back', async () => {
  const installation = watchOver({ isOther: true });
  const client = connectionTo({ ...standby, identity: 'ours' });
  await expect(verifySession(client, { installation })).rejects.toBeInstanceOf(NoPrimaryError);
  expect(installation.isOther).toBe(true);
});

it('a primary without the tables, or with other ones, shows another installation', async () => {
  for (const facts of [primary, readOnly, { ...primary, identity: 'theirs' }]) {
    const installation = watchOver();
    await expect(
      verifySession(connectionTo(facts), { installation, writes: true }),
    ).rejects.toMatchObject({ name: 'OtherInstallationError' });
    expect(installation.isOther).toBe(true);
  }
});
