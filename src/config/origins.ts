// SPDX-License-Identifier: GPL-3.0-or-later
/** Origins as operators write them, and as browsers and web views send them. */

const originForm = /^([a-z][a-z\d+.-]*):\/\/[^/?#\\@\s]+$/i;

// No page has an origin with these schemes: pages of files have the origin null.
const schemesWithoutPages = new Set(['ftp', 'ws', 'wss', 'file']);

/** Whether a page can have this origin, such as `https://shop.example` or, in an app shell, `capacitor://localhost`. */
export function isOrigin(text: string): boolean {
  if (!originForm.test(text) || !URL.canParse(text)) return false;
  return !hasNoPages(text) && !toOrigin(text).includes('*');
}

/** The form in which browsers send it: scheme and host name in lower case, without a default port. */
export function toOrigin(text: string): string {
  // Not `URL.origin`, which is "null" for the schemes of app shells.
  const { protocol, host } = new URL(text);
  return `${protocol}//${host}`;
}

/** Explains a common mistake in a text that is no origin. */
export function whyNoOrigin(text: string): string | undefined {
  if (text.includes('*')) return 'a pattern matches nothing; list each origin in full';
  if (text === 'null') return 'any page can send it, so it cannot be let in';
  if (/^[a-z][a-z\d+.-]*:\/\/[^/?#]+[/?#]/i.test(text)) {
    return 'an origin has no path; end it behind the host and port';
  }
  if (!text.includes('://')) return 'its scheme is missing';
  if (hasNoPages(text)) return 'no page comes by this scheme';
  return undefined;
}

function hasNoPages(text: string): boolean {
  return schemesWithoutPages.has(text.split(':')[0]?.toLowerCase() ?? '');
}
