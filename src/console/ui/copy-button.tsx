// SPDX-License-Identifier: GPL-3.0-or-later
import { useState } from 'preact/hooks';

/** Copies a text. A browser refuses that on a page over plain HTTP from another machine: then the text has to be selected. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [result, setResult] = useState<string>();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setResult('Copied');
    } catch {
      setResult('The browser refuses it: select the text and copy it');
    }
  };
  return (
    <span class="row">
      <button type="button" onClick={copy}>
        {label}
      </button>
      <output>{result}</output>
    </span>
  );
}
