// SPDX-License-Identifier: GPL-3.0-or-later
import type { ComponentChildren } from 'preact';
import './ui.css';

/** A table that scrolls sideways by itself, also with the keyboard, so that the page never does. */
export function TableScroll({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls it
    <section class="table-scroll" tabIndex={0} aria-label={label}>
      {children}
    </section>
  );
}
