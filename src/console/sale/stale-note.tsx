// SPDX-License-Identifier: GPL-3.0-or-later
import type { Sale } from '../live/sale-data.ts';
import { RefusalNote } from '../ui/refusal-note.tsx';

/** Says that no data arrives, and why if the service says so. Screen readers say it when it begins, and only then. */
export function StaleNote({ sale: { status, refusal } }: { sale: Sale }) {
  const isLive = status === 'live';
  // A session that has ended has a dialog of its own.
  const isShown = !isLive && refusal !== undefined && refusal.outcome !== 'unauthorized';
  return (
    <>
      <div role="status">
        {status === 'stale' && (
          <p class="note error">
            <strong>No data arrives.</strong> What you see is old. The page tries again by itself.
          </p>
        )}
      </div>
      {isShown && <RefusalNote refusal={refusal} />}
    </>
  );
}
