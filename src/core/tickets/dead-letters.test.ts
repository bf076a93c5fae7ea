// SPDX-License-Identifier: GPL-3.0-or-later
import { beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../errors.ts';
import type { DeadLetter } from './dead-letter.ts';
import { changedMax, type DeadLettersOptions, deadLettersWith } from './dead-letters.ts';
import type { PublishResult } from './ports.ts';

const by = { actor: 'admin', requestId: 'r' } as const;

function letter(id: string, isReadable = true): DeadLetter {
  const content = Buffer.from(id);
  const claim = {
    ...{ claimId: `claim ${id}`, acceptedAtMs: 1, couponName: 'shoes', userId: 'ada' },
    ...{ idempotencyKey: undefined, attempts: 5, replyTo: 'node' },
  };
  return {
    ...{ id, reason: 'a trigger', diedAt: undefined, sizeBytes: content.length, content },
    claim: isReadable ? claim : undefined,
    unreadable: isReadable ? undefined : 'it is no JSON object',
  };
}

describe('dead letters', () => {
  let letters: DeadLetter[];
  let steps: string[];
  let published: PublishResult;
  let slept: number;
  let failure: Error | undefined;

  const options: DeadLettersOptions = {
    letters: {
      async visit(visitor) {
        const total = letters.length;
        for (const one of [...letters]) {
          const end = await visitor(one);
          if (end === 'end') break;
          if (end !== 'remove') continue;
          steps.push(`remove ${one.id}`);
          letters.splice(letters.indexOf(one), 1);
        }
        return { total };
      },
    },
    queue: {
      async publish({ claimId, attempts, replyTo }) {
        steps.push(`publish ${claimId} ${attempts} ${replyTo}`);
        return published;
      },
    },
    store: {
      async fail({ claimId }, problem) {
        steps.push(`fail ${claimId}`);
        if (failure !== undefined) throw failure;
        return { state: 'failed', problem };
      },
    },
    log: async ({ action, before }, { actor }) => {
      steps.push(`log ${actor} ${action} ${before.dead_letter_id}`);
    },
    clock: {
      nowMs: () => 0,
      sleep: async (ms) => {
        slept = Math.max(slept, ms);
      },
    },
  };

  beforeEach(() => {
    letters = [letter('a'), letter('b', false), letter('c')];
    steps = [];
    published = 'confirmed';
    slept = 0;
    failure = undefined;
  });

  const ids = (...chosen: string[]) => ({ ids: new Set(chosen), isDryRun: false });
  const all = { ids: 'all', isDryRun: false } as const;

  it('are listed in pages', async () => {
    const { list } = deadLettersWith(options);
    const first = await list({ after: 0, limit: 2 });
    expect(first).toMatchObject({ letters: [{ id: 'a' }, { id: 'b' }], total: 3, next: 2 });
    const second = await list({ after: 2, limit: 2 });
    expect(second).toMatchObject({ letters: [{ id: 'c' }], next: undefined });
    expect(second.letters[0]?.body).toEqual({ encoding: 'utf8', text: 'c' });
  });

  it('are shown by id', async () => {
    const { show } = deadLettersWith(options);
    expect(await show('b')).toMatchObject({ id: 'b', unreadable: 'it is no JSON object' });
    await expect(show('x')).rejects.toMatchObject({ code: 'dead_letter_not_found' });
  });

  it('are redriven with all their attempts, logged, and only then removed', async () => {
    expect(await deadLettersWith(options).redrive(all, by)).toEqual({
      ...{ done: 2, notFound: [], left: 0, stoppedBy: undefined },
      refused: { count: 1, first: [{ id: 'b', reason: 'it is no JSON object' }] },
    });
    expect(steps).toEqual(
      ['a', 'c'].flatMap((id) => [
        `publish claim ${id} 0 undefined`,
        ...[`log admin redrive_dead_letter ${id}`, `remove ${id}`],
      ]),
    );
    expect(slept).toBe(5);
  });

  it('are discarded once their tickets have failed', async () => {
    const handled = await deadLettersWith(options).discard(ids('b', 'c', 'x'), by);
    expect(handled).toMatchObject({ done: 2, notFound: ['x'], left: 0 });
    expect(steps).toEqual([
      ...['log admin discard_dead_letter b', 'remove b'],
      ...['fail claim c', 'log admin discard_dead_letter c', 'remove c'],
    ]);
  });

  it('stay as they are in a dry run', async () => {
    const { redrive, discard } = deadLettersWith(options);
    expect(await redrive({ ...all, isDryRun: true }, by)).toMatchObject({ done: 2, left: 0 });
    expect(await discard({ ...all, isDryRun: true }, by)).toMatchObject({ done: 3, left: 0 });
    expect(steps).toEqual([]);
  });

  it.each(['full', 'away', 'unknown'] as const)('stay where the queue is %s', async (result) => {
    published = result;
    const handled = await deadLettersWith(options).redrive(ids('a', 'c'), by);
    expect(handled).toMatchObject({ done: 0, left: 2, notFound: [] });
    expect(handled.stoppedBy).toBeTypeOf('string');
    expect(letters.length).toBe(3);
  });

  it('are done up to a limit in one call', async () => {
    letters = Array.from({ length: changedMax + 2 }, (_, index) => letter(`${index}`, false));
    const { discard } = deadLettersWith(options);
    expect(await discard(all, by)).toMatchObject({ done: changedMax, left: 2 });
    expect(await discard(all, by)).toMatchObject({ done: 2, left: 0 });
  });

  it('may be changed where a call fails after its beginning', async () => {
    failure = new AppError('unavailable', { detail: 'the database is away' });
    const failed = deadLettersWith(options).discard(ids('a'), by);
    await expect(failed).rejects.toMatchObject({ code: 'outcome_unknown' });
    expect(letters.length).toBe(3);
  });
});
