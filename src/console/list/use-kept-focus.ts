// SPDX-License-Identifier: GPL-3.0-or-later
import { useLayoutEffect, useRef } from 'preact/hooks';

/**
 * Keeps the focus on the same link when a list is drawn anew. An element that moves to another place of the document loses the
 * focus, and one that moves to another list is a new element with the same address.
 */
export function useKeptFocus<Root extends HTMLElement>() {
  const root = useRef<Root>(null);
  const { activeElement } = document;
  const href = root.current?.contains(activeElement) && activeElement?.getAttribute('href');
  useLayoutEffect(() => {
    if (!href || document.activeElement !== document.body) return;
    const links = root.current?.querySelectorAll('a') ?? [];
    for (const link of links) {
      if (link.getAttribute('href') === href) return link.focus({ preventScroll: true });
    }
  });
  return root;
}
