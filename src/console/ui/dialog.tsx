// SPDX-License-Identifier: GPL-3.0-or-later
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';

/** A modal dialog. Escape closes it unless `isLocked`; the focus returns to where it was. */
export function Dialog({
  title,
  isLocked = false,
  onClose,
  children,
}: {
  title: string;
  isLocked?: boolean;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const element = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const dialog = element.current;
    const opener = document.activeElement;
    if (dialog?.open === false) dialog.showModal();
    return () => {
      dialog?.close();
      // The browser does this by itself only while the dialog is in the document.
      if (opener instanceof HTMLElement && opener !== document.body) opener.focus();
      else focusTopDialog();
    };
  }, []);
  return (
    <dialog
      ref={element}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        if (!isLocked) onClose();
      }}
    >
      <h2 id={titleId}>{title}</h2>
      {children}
    </dialog>
  );
}

/** Where nothing had the focus before, such as while a dialog below was sending, it goes to the first field of that one. */
function focusTopDialog(): void {
  const dialogs = document.querySelectorAll('dialog[open]');
  dialogs[dialogs.length - 1]
    ?.querySelector<HTMLElement>('input:enabled, textarea:enabled, button:enabled')
    ?.focus();
}
