// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { HandledDeadLetters, WriteResult } from '../../../client.ts';
import { callsFor, handleLetters, type SelectionArguments } from './handle-letters.ts';

function ok(some: Partial<HandledDeadLetters>): WriteResult<HandledDeadLetters> {
  const value: HandledDeadLetters = {
    ...{ message: 'done', dry_run: false, done: 0, refused_count: 0, refused: [] },
    ...{ not_found: [], left: 0, stopped_by: null, ...some },
  };
  return { outcome: 'ok', status: 202, value, replayed: false };
}

/** Answers with these results in turn, and keeps what it was called with. */
function script(...results: WriteResult<HandledDeadLetters>[]) {
  const calls: SelectionArguments[] = [];
  const call = async (args: SelectionArguments) => {
    calls.push(args);
    const result = results[calls.length - 1];
    if (result === undefined) throw new Error('one call too many');
    return result;
  };
  return { calls, call };
}

describe('a change of many dead letters', () => {
  it('is repeated until nothing is left, and sums up what was done', async () => {
    const { calls, call } = script(
      ok({ done: 1_000, left: 500, refused_count: 2 }),
      ok({ done: 500, left: 0, refused_count: 2 }),
    );
    const progress: number[] = [];
    const result = await handleLetters({ all: true }, call, (done) => progress.push(done));
    expect(result).toMatchObject({ value: { done: 1_500, refused_count: 2, left: 0 } });
    expect(calls).toEqual([{ all: true }, { all: true }]);
    expect(progress).toEqual([1_000, 1_500]);
  });

  it('ends where a call changes nothing, although some are left', async () => {
    const { call } = script(ok({ done: 0, left: 7 }));
    expect(await handleLetters({ all: true }, call)).toMatchObject({ value: { done: 0, left: 7 } });
  });

  it('ends where the service stops', async () => {
    const { call } = script(ok({ done: 3, left: 7, stopped_by: 'the queue of claims is full' }));
    const result = await handleLetters({ all: true }, call);
    expect(result).toMatchObject({ value: { done: 3, stopped_by: 'the queue of claims is full' } });
  });

  it('ends with the first result that is no success', async () => {
    const unknown: WriteResult<HandledDeadLetters> = { outcome: 'unknown' };
    const { call } = script(ok({ done: 1_000, left: 500 }), unknown);
    expect(await handleLetters({ all: true }, call)).toBe(unknown);
  });

  it('asks once for a dry run', async () => {
    const { call } = script(ok({ done: 1_500, left: 0, dry_run: true }));
    expect(await handleLetters({ all: true }, call)).toMatchObject({ value: { done: 1_500 } });
  });

  it('sends at most 1,000 ids in a call, each once', async () => {
    const ids = Array.from({ length: 2_001 }, (_, index) => `letter-${index}`);
    const calls = callsFor({ ids }) as { ids: string[] }[];
    expect(calls.map((args) => args.ids.length)).toEqual([1_000, 1_000, 1]);
    expect(calls.flatMap((args) => args.ids)).toEqual(ids);
    const { call } = script(
      ...calls.map((args) => ok({ done: args.ids.length - 1, refused_count: 1 })),
    );
    expect(await handleLetters({ ids }, call)).toMatchObject({
      value: { done: 1_998, refused_count: 3 },
    });
  });
});
