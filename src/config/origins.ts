// SPDX-License-Identifier: GPL-3.0-or-later
/** Origins as an operator writes them and as browsers and web views send them. */

const originForm = /^([a-z][a-z\d+.-]*):\/\/[^/?#\\@\s]+$/i;

// No page comes by these, so no request has such an origin.
const withoutPages = new Set(['ftp', 'ws', 'wss', 'file']);

/** Whether some page can have this origin: `https://shop.example`, or `capacitor://localhost` of an app shell. */
export function isOrigin(text: string): boolean {
  const scheme = originForm.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined || withoutPages.has(scheme) || !URL.canParse(text)) return false;
  return !toOrigin(text).includes('*');
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
  return undefined;
}
