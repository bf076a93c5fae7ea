// SPDX-License-Identifier: GPL-3.0-or-later
import type { ComponentChild } from 'preact';
import './ui.css';

/** What is known of one thing: names and values. A value that is undefined is left out. */
export function Facts({ of: facts }: { of: [name: string, value: ComponentChild | undefined][] }) {
  return (
    <dl class="facts">
      {facts
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
