// SPDX-License-Identifier: GPL-3.0-or-later
import { showInvisible } from '../ui/format.ts';

/** Whether this is the name of the sale, as it is or as the page shows it. Spaces that cannot be seen do not count. */
export function isTypedName(typed: string, name: string): boolean {
  return [name, showInvisible(name)].some((shown) => spaced(shown) === spaced(typed));
}

function spaced(text: string): string {
  return text.trim().replace(/\s+/g, ' ');
}
