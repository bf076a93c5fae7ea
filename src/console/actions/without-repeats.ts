// SPDX-License-Identifier: GPL-3.0-or-later
/** Keeps a key that is held down from pressing a button again and again. */
export function withoutRepeats(event: KeyboardEvent): void {
  if (event.repeat && event.key === 'Enter') event.preventDefault();
}
