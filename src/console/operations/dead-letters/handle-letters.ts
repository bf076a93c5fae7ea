// SPDX-License-Identifier: GPL-3.0-or-later
/** Changes of many dead letters: the service changes a limited number in a call, so calls are repeated. */
import type { HandledDeadLetters, WriteResult } from '../../../client.ts';

/** Which letters are changed. */
export type LetterSelection = { ids: readonly string[] } | { all: true };

/** What one call takes. */
export type SelectionArguments = { ids: string[] } | { all: true };

/** How many ids one call takes. */
const idsMax = 1_000;

/** The arguments of the calls that a selection needs. */
export function callsFor(selection: LetterSelection): SelectionArguments[] {
  if ('all' in selection) return [{ all: true }];
  const { ids } = selection;
  const count = Math.ceil(ids.length / idsMax);
  return Array.from({ length: count }, (_, index) => ({
    ids: ids.slice(index * idsMax, (index + 1) * idsMax),
  }));
}

/**
 * Repeats calls until nothing is left, one stops early, or one is refused or unknown, which is then the result. Those that
 * are done by then are reported to `onProgress` only. Safe to repeat: a letter that was changed is not there any more.
 */
export async function handleLetters(
  selection: LetterSelection,
  call: (args: SelectionArguments) => Promise<WriteResult<HandledDeadLetters>>,
  onProgress: (done: number) => void = () => {},
): Promise<WriteResult<HandledDeadLetters>> {
  let sum: HandledDeadLetters = {
    ...{ message: '', dry_run: false, done: 0, refused_count: 0, refused: [] },
    ...{ not_found: [], left: 0, stopped_by: null },
  };
  let status = 200;
  for (const args of callsFor(selection)) {
    const before = sum;
    for (;;) {
      const result = await call(args);
      if (result.outcome !== 'ok') return result;
      const { value } = result;
      status = result.status;
      sum = {
        ...value,
        done: sum.done + value.done,
        // Those that are refused stay there, so each call for the same letters counts them again.
        refused_count: before.refused_count + value.refused_count,
        refused: [...before.refused, ...value.refused],
        not_found: [...before.not_found, ...value.not_found],
      };
      onProgress(sum.done);
      if (value.stopped_by !== null) return { outcome: 'ok', status, value: sum, replayed: false };
      if (value.dry_run || value.left === 0 || value.done === 0) break;
    }
  }
  return { outcome: 'ok', status, value: sum, replayed: false };
}
