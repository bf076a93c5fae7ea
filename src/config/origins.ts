// SPDX-License-Identifier: GPL-3.0-or-later
/** Origins as an operator writes them and as browsers and web views send them. */

const originForm = /^([a-z][a-z\d+.-]*):\/\/[^/?#\\@\s]+$/i;

// No request has such an origin: pages of files have the origin null.
const withoutPages = new Set(['ftp', 'ws', 'wss', 'file']);

/** Whether some page can have this origin: `https://shop.example`, or `capacitor://localhost` of an app shell. */
export function isOrigin(text: string): boolean {
  if (!originForm.test(text) || !URL.canParse(text)) return false;
  return !hasNoPages(text) && !toOrigin(text).includes('*');
}

/** The form in which it is sent: scheme and host name in lower case, without a default port. */
export function toOrigin(text: string): string {
  // Not `URL.origin`, which is "null" for the schemes of app shells.
  const { protocol, host } = new URL(text);
  return `${protocol}//${host}`;
}

/** What is wrong with a text that is no origin, where it is one of the usual mistakes. */
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
  return withoutPages.has(text.split(':')[0]?.toLowerCase() ?? '');
}
