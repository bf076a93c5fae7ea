// SPDX-License-Identifier: GPL-3.0-or-later
import { showInvisible } from './format.ts';
import './ui.css';

/** A longer text of others, such as JSON, with its line breaks. */
export function Payload({ of: text, label }: { of: string; label: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls it
    <section class="payload" tabIndex={0} aria-label={label}>
      <pre>{text.split('\n').map(showInvisible).join('\n')}</pre>
    </section>
  );
}
