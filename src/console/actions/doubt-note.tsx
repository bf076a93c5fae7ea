// SPDX-License-Identifier: GPL-3.0-or-later
import type { ComponentChildren } from 'preact';
import { RefusalNote } from '../ui/refusal-note.tsx';
import { Text } from '../ui/text.tsx';
import type { Write } from './use-write.ts';
import { type Doubt, doubtOf } from './write-state.ts';

/** Says what is known after a lost answer, and asks again. Shows nothing before. */
export function DoubtNote<Value>({
  write,
  doubt: sentence,
  children,
}: {
  write: Write<Value>;
  /** What may be true. */
  doubt: string;
  /** Further buttons. */
  children?: ComponentChildren;
}) {
  const { state } = write;
  const doubt = doubtOf(state);
  if (doubt === undefined) return null;
  const isSending = state.step === 'sending';
  return (
    <div class="doubt stack" role="alert">
      <div class="note">
        <strong>{doubt.unknown?.problem?.title ?? 'No answer arrived'}.</strong> {sentence}
        <Known doubt={doubt} />
      </div>
      <RefusalNote refusal={doubt.refusal} />
      <div class="row">
        <button type="button" class="primary" disabled={isSending} onClick={write.askAgain}>
          {isSending ? 'Asking …' : 'Ask again'}
        </button>
        {doubt.found !== undefined && (
          <button type="button" disabled={isSending} onClick={write.sendAgain}>
            Send again
          </button>
        )}
        {children}
      </div>
    </div>
  );
}

function Known({ doubt: { unknown, found } }: { doubt: Doubt }) {
  return (
    <>
      {unknown?.problem?.detail !== undefined && (
        <p>
          <Text of={unknown.problem.detail} />
        </p>
      )}
      {unknown?.idempotency_key !== undefined && (
        <p>
          <small>
            Asking again is safe: it sends the same key, <code>{unknown.idempotency_key}</code>
          </small>
        </p>
      )}
      {found !== undefined && <FoundNote found={found} />}
    </>
  );
}

function FoundNote({ found }: { found: NonNullable<Doubt['found']> }) {
  if (found.value === undefined) {
    return <p>It does not exist now. A request that is still under way may create it.</p>;
  }
  return (
    <p>
      It was read, and is not as it was sent: <code>{found.differs.join(', ')}</code>. A request
      that is still under way may change that.
    </p>
  );
}
