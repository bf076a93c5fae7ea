// SPDX-License-Identifier: GPL-3.0-or-later
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import type { Refusal } from '../../client.ts';

/** What a control needs to belong to its label, its hint and its error. */
export type FieldAttributes = {
  id: string;
  'aria-describedby': string;
  'aria-invalid': boolean;
};

/** A control with its label, a hint, and what is wrong with its value. */
export function Field({
  label,
  hint,
  error,
  children,
}: {
  label: string;
  hint?: ComponentChildren;
  error?: string | undefined;
  children: (attributes: FieldAttributes) => ComponentChildren;
}) {
  const id = useId();
  const noteId = `${id}-note`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, 'aria-describedby': noteId, 'aria-invalid': error !== undefined })}
      <div id={noteId}>
        {error !== undefined && <p class="field-error">{error}</p>}
        {hint !== undefined && <small>{hint}</small>}
      </div>
    </div>
  );
}

/** What the service says is wrong with a field. */
export function fieldError(refusal: Refusal | undefined, field: string): string | undefined {
  return refusal?.problem.errors?.find((error) => error.field === field)?.message;
}
