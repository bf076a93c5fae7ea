// SPDX-License-Identifier: GPL-3.0-or-later
import { useEffect, useId, useState } from 'preact/hooks';
import { goTo, hrefOf } from '../routing/route.ts';

const typingMs = 250;

/** The field for the first characters of a name. It changes the address of the page when the operator stops typing. */
export function NameSearch({ prefix, show }: { prefix: string; show: string | undefined }) {
  const [text, setText] = useState(prefix);
  const id = useId();
  // The address may change without the field: by a link, or by the button of the browser.
  useEffect(() => setText(prefix), [prefix]);
  useEffect(() => {
    if (text === prefix) return;
    const search = () => goTo(hrefOf('', { show, prefix: text }), { replace: true });
    const timer = setTimeout(search, typingMs);
    return () => clearTimeout(timer);
  }, [text, prefix, show]);
  return (
    <search class="row">
      <label for={id}>Name begins with</label>
      <input
        {...{ id, type: 'search', autocomplete: 'off', spellcheck: false }}
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
      />
    </search>
  );
}
