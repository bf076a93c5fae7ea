// SPDX-License-Identifier: GPL-3.0-or-later

/** The message does not repeat a URL that may contain a password. */
export function urlMistake(url: string): string {
  const shown = /@/.test(url) ? 'a URL' : `the URL ${url}`;
  return `${shown} must be http://host:port, without user, path or query`;
}

/** Whether the text is the address of a server, and nothing else. */
export function isOrigin(url: string): boolean {
  try {
    const { protocol, pathname, search, hash, username, password } = new URL(url);
    const rest = search + hash + username + password;
    return protocol === 'http:' && pathname === '/' && rest === '';
  } catch {
    return false;
  }
}
