// SPDX-License-Identifier: GPL-3.0-or-later
/** Sessions of the console past its page. The service allows ten logins a minute for an address. */
import { inject } from 'vitest';

const path = '/console/session';
const sharedUrl = () => inject('sharedConsole')?.url ?? '';

/** Opens a session with a key. Returns its cookie as `name=value`. */
export async function logIn(key: string, url = sharedUrl()): Promise<string> {
  const response = await fetch(url + path, { method: 'POST', body: JSON.stringify({ key }) });
  if (response.status !== 204) throw new Error(`the login is ${response.status}`);
  const [pair = ''] = (response.headers.get('set-cookie') ?? '').split(';');
  return pair;
}

/** Ends the session of a cookie. */
export async function logOut(cookie: string): Promise<void> {
  const response = await fetch(sharedUrl() + path, {
    ...{ method: 'DELETE', headers: { Cookie: cookie, 'Sec-Fetch-Site': 'same-origin' } },
  });
  if (response.status !== 204) throw new Error(`the logout is ${response.status}`);
}
