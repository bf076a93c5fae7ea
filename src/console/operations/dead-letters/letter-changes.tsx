// SPDX-License-Identifier: GPL-3.0-or-later
import { useEffect, useRef, useState } from 'preact/hooks';
import { formatCount } from '../../ui/format.ts';
import { ChangeLettersDialog, type LetterAction } from './change-letters-dialog.tsx';
import type { LetterSelection } from './handle-letters.ts';

/** The buttons that redrive or discard the chosen letters, or all of them. */
export function LetterChanges({
  chosen,
  total,
  mayOperate,
  onDone,
}: {
  chosen: ReadonlySet<string>;
  total: number;
  mayOperate: boolean;
  onDone: () => void;
}) {
  const [open, setOpen] = useState<{ action: LetterAction; selection: LetterSelection }>();
  const [message, setMessage] = useState('');
  const status = useRef<HTMLParagraphElement>(null);
  // The button that opened the dialog has nothing to do any more, so it cannot have the focus.
  useEffect(() => {
    if (message !== '') status.current?.focus();
  }, [message]);
  const some = { ids: [...chosen] };
  const button = (action: LetterAction, selection: LetterSelection, label: string) => (
    <button
      type="button"
      disabled={!mayOperate || ('ids' in selection && chosen.size === 0)}
      onClick={() => setOpen({ action, selection })}
    >
      {label}
    </button>
  );
  const selected = `${formatCount(chosen.size)} selected …`;
  const all = `all ${formatCount(total)} …`;
  return (
    <div class="stack">
      {total > 0 && (
        <div class="row-actions">
          {button('redrive', some, `Redrive ${selected}`)}
          {button('redrive', { all: true }, `Redrive ${all}`)}
          {button('discard', some, `Discard ${selected}`)}
          {button('discard', { all: true }, `Discard ${all}`)}
        </div>
      )}
      {!mayOperate && total > 0 && <small>Changes need the admin key.</small>}
      <p role="status" ref={status} tabIndex={-1}>
        {message}
      </p>
      {open !== undefined && (
        <ChangeLettersDialog
          {...open}
          onDone={(text) => {
            setMessage(text);
            setOpen(undefined);
            onDone();
          }}
          onClose={(hasChanged) => {
            setOpen(undefined);
            if (hasChanged) onDone();
          }}
        />
      )}
    </div>
  );
}
