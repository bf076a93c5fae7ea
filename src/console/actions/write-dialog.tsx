// SPDX-License-Identifier: GPL-3.0-or-later
import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import { Dialog } from '../ui/dialog.tsx';
import { RefusalNote } from '../ui/refusal-note.tsx';
import { DoubtNote } from './doubt-note.tsx';
import { useFocusAfter } from './use-focus-after.ts';
import type { Write } from './use-write.ts';
import { withoutRepeats } from './without-repeats.ts';
import { doubtOf } from './write-state.ts';

/** A dialog that sends one change. It stays until the outcome is known, and keeps what was typed when the change is refused. */
export function WriteDialog<Value>({
  title,
  write,
  submitLabel,
  isDanger = false,
  isIncomplete = false,
  placed,
  doubt,
  onSubmit,
  onClose,
  children,
}: {
  title: string;
  write: Write<Value>;
  /** Names the action, with its number: "Add 200 units". */
  submitLabel: string;
  isDanger?: boolean;
  /** The fields do not say yet what to send. */
  isIncomplete?: boolean;
  /** The fields whose errors stand beside them. */
  placed?: readonly string[];
  /** What may be true after a lost answer. */
  doubt: string;
  onSubmit: () => void;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const { state } = write;
  const isSending = state.step === 'sending';
  const isInDoubt = doubtOf(state) !== undefined;
  const form = useRef<HTMLFormElement>(null);
  useFocusAfter(state.step, form);
  return (
    <Dialog title={title} isLocked={isSending || isInDoubt} onClose={onClose}>
      <form
        ref={form}
        class="stack write"
        onKeyDown={withoutRepeats}
        onInput={() => {
          // What was refused is no longer what stands in the fields.
          if (state.step === 'refused') write.reset();
        }}
        onSubmit={(event) => {
          event.preventDefault();
          if (!isSending && !isInDoubt && !isIncomplete) onSubmit();
        }}
      >
        <fieldset class="plain stack" disabled={isSending || isInDoubt}>
          {children}
        </fieldset>
        <RefusalNote
          refusal={state.step === 'refused' ? state.refusal : undefined}
          {...(placed && { placed })}
        />
        {isInDoubt ? (
          <DoubtNote {...{ write, doubt }}>
            <button type="button" disabled={isSending} onClick={onClose}>
              Close without an answer
            </button>
          </DoubtNote>
        ) : (
          <div class="row buttons">
            <button
              type="submit"
              class={isDanger ? 'danger' : 'primary'}
              disabled={isSending || isIncomplete}
            >
              {isSending ? 'Sending …' : submitLabel}
            </button>
            <button type="button" disabled={isSending} onClick={onClose}>
              Cancel
            </button>
          </div>
        )}
      </form>
    </Dialog>
  );
}
