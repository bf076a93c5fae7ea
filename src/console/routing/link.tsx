// SPDX-License-Identifier: GPL-3.0-or-later
import type { ComponentChildren } from 'preact';
import { goTo, hrefOf, type Query } from './route.ts';

/** A link to a view of the page. Other clicks than a plain one are the browser's: a new tab, a new window. */
export function Link({
  view,
  query,
  children,
  ...rest
}: {
  view: string;
  query?: Query;
  class?: string;
  'aria-current'?: 'page' | undefined;
  children: ComponentChildren;
}) {
  const href = hrefOf(view, query);
  return (
    <a
      {...rest}
      href={href}
      onClick={(event) => {
        const { button, metaKey, ctrlKey, shiftKey, altKey } = event;
        if (button !== 0 || metaKey || ctrlKey || shiftKey || altKey) return;
        event.preventDefault();
        goTo(href);
      }}
    >
      {children}
    </a>
  );
}
