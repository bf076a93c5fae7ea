// SPDX-License-Identifier: GPL-3.0-or-later
/** A whole number as people write it: `500`, `1,000`, `1 000`. Undefined: it is none. What it may be is for the service. */
export function readWholeNumber(text: string): number | undefined {
  const written = text.trim();
  if (!/^(?:\d+|\d{1,3}(?:,\d{3})+|\d{1,3}(?:[ \u00a0\u202f]\d{3})+)$/.test(written))
    return undefined;
  const number = Number(written.replace(/\D/g, ''));
  return Number.isSafeInteger(number) ? number : undefined;
}

/** What stands beside a field with something else. */
export const notWhole = 'Write a whole number, such as 500.';
