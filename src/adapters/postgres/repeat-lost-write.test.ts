// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { Database } from './database.ts';
import { DatabaseFault, type LostSession } from './errors/pg-error.ts';
import { repeatLostWrite } from './repeat-lost-write.ts';

const generousMs = 60_000;

/** A database of the server `one` whose sessions have these processes. */
function databaseWith({ processIds = [] as number[], answerTimeoutMs = generousMs } = {}) {
  const run = async (_: unknown, [processId]: unknown[]) =>
    processIds.includes(processId as number) ? [{ pid: processId }] : [];
  return { server: 'one', answerTimeoutMs, run } as Pick<
    Database,
    'answerTimeoutMs' | 'run' | 'server'
  >;
}

function lostBy(session: LostSession | undefined): DatabaseFault {
  const fault = new DatabaseFault('lost', new Error('the connection broke'));
  fault.session = session;
  return fault;
}

/** A write whose attempts fail with these faults, one each, and then succeed. */
function writing(faults: readonly DatabaseFault[]) {
  const attempts: boolean[] = [];
  const write = async (isRepeat: boolean) => {
    const fault = faults[attempts.length];
    attempts.push(isRepeat);
    if (fault !== undefined) throw fault;
    return 'stored';
  };
  return { attempts, write };
}

describe('a write whose connection broke', () => {
  it.each<[string, LostSession]>([
    ['has ended', { server: 'one', processId: 2 }],
    [
      'was on another server, which may have had a process with the same id',
      { server: 'two', processId: 1 },
    ],
  ])('is sent again where its session %s', async (_, session) => {
    const { attempts, write } = writing([lostBy(session)]);
    const options = { mayRepeat: 'when_ended' } as const;
    expect(await repeatLostWrite(databaseWith({ processIds: [1] }), options, write)).toBe('stored');
    expect(attempts).toEqual([false, true]);
  });

  it.each([
    ['is still there', { server: 'one', processId: 1 }],
    ['is not known', undefined],
  ])('is not sent again where its session %s', async (_, session) => {
    const fault = lostBy(session);
    const { attempts, write } = writing([fault]);
    const database = databaseWith({ processIds: [1], answerTimeoutMs: 200 });
    await expect(repeatLostWrite(database, { mayRepeat: 'when_ended' }, write)).rejects.toBe(fault);
    expect(attempts).toEqual([false]);
  });

  it('is not sent again where its time is over', async () => {
    const fault = lostBy({ server: 'one', processId: 1 });
    const { attempts, write } = writing([fault]);
    const database = databaseWith({ answerTimeoutMs: 0 });
    await expect(repeatLostWrite(database, { mayRepeat: 'always' }, write)).rejects.toBe(fault);
    expect(attempts).toEqual([false]);
  });

  it.each([
    ['always', 'its first attempt is still unknown', 0],
    ['when_ended', 'it is refused', 1],
  ] as const)('that may be repeated %s and is refused then: %s', async (mayRepeat, _, place) => {
    const faults = [
      lostBy({ server: 'one', processId: 2 }),
      new DatabaseFault('refused', new Error('a rule')),
    ];
    const { attempts, write } = writing(faults);
    await expect(repeatLostWrite(databaseWith(), { mayRepeat }, write)).rejects.toBe(faults[place]);
    expect(attempts).toEqual([false, true]);
  });

  it('is not sent again after an answer', async () => {
    const fault = new DatabaseFault('busy', new Error('locked'));
    const { attempts, write } = writing([fault]);
    await expect(repeatLostWrite(databaseWith(), { mayRepeat: 'always' }, write)).rejects.toBe(
      fault,
    );
    expect(attempts).toEqual([false]);
  });
});
