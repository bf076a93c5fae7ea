// SPDX-License-Identifier: GPL-3.0-or-later
import type { Sale } from '../live/sale-data.ts';
import { RefusalNote } from '../ui/refusal-note.tsx';
import { Text } from '../ui/text.tsx';

/** Says that no data arrives, and why if the service says so. Screen readers say it when it begins, and only then. */
export function StaleNote({ sale: { status, refusal } }: { sale: Sale }) {
  const isStale = status === 'stale';
  // A session that has ended has a dialog of its own.
  const reason = refusal?.outcome === 'unauthorized' ? undefined : refusal;
  // The client makes the problem itself where no answer arrives.
  const isAnswer = reason !== undefined && reason.problem.instance !== '';
  return (
    <>
      <div class={isStale ? 'note error' : ''}>
        <span role="status">
          {isStale && (
            <>
              <strong>No data arrives.</strong> What you see is old. The page tries again by itself.
            </>
          )}
        </span>
        {isStale && isAnswer && (
          <>
            {' '}
            The service says: <Text of={reason.problem.detail ?? reason.problem.title} />
          </>
        )}
      </div>
      {status === 'connecting' && <RefusalNote refusal={reason} />}
    </>
  );
}
