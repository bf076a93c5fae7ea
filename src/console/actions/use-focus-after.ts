// SPDX-License-Identifier: GPL-3.0-or-later
import { useEffect, useRef } from 'preact/hooks';
import type { WriteState } from './write-state.ts';

/** Puts the focus where it is needed: to what is wrong, back to where it was, or to the question after a lost answer. */
export function useFocusAfter(
  step: WriteState<unknown>['step'],
  form: { current: HTMLFormElement | null },
): void {
  const before = useRef<Element | null>(null);
  if (step !== 'sending' && document.activeElement !== document.body) {
    before.current = document.activeElement;
  }
  useEffect(() => {
    if (step === 'unknown') form.current?.querySelector<HTMLElement>('.doubt button')?.focus();
    if (step !== 'refused' || focusWrongField(form.current)) return;
    if (before.current instanceof HTMLElement) before.current.focus();
  }, [step, form]);
}

/** Puts the focus on the first field with an error, and shows it. Returns whether there is one. */
export function focusWrongField(form: HTMLFormElement | null): boolean {
  const wrong = form?.querySelector<HTMLElement>('[aria-invalid="true"]');
  if (wrong == null) return false;
  for (const details of form?.querySelectorAll('details') ?? []) {
    if (details.contains(wrong)) details.open = true;
  }
  wrong.focus();
  return true;
}
