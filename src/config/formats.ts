// SPDX-License-Identifier: GPL-3.0-or-later
import { isIP } from 'node:net';

/** The formats that a text among the settings can have. */
export const formats = {
  host: isHost,
  'host-header': isHostOfUrl,
  folder: (text: string) => text.trim() !== '',
  workers: (text: string) => /^(?:[1-9]|[1-5]\d|6[0-4]|auto)$/.test(text),
  'api-key': (text: string) => /^[\x21-\x7e]+$/.test(text),
  'http-origin': isHttpOrigin,
  'collector-url': (text: string) =>
    /^https?:\/\/[^?#\\@\s]+(?<!\/v1\/traces\/?)$/i.test(text) && URL.canParse(text),
  'postgres-url': isPostgresUrl,
};

/** The name of one of the formats. */
export type FormatName = keyof typeof formats;

function isHost(text: string): boolean {
  return isIP(text) !== 0 || (/^[\p{L}\p{N}._-]+$/u.test(text) && URL.canParse(`http://${text}`));
}

/** As above, but an IPv6 address may stand in brackets, as in a header, and may not name a network interface. */
function isHostOfUrl(text: string): boolean {
  return isHost(text.replace(/^\[(.+)\]$/, '$1')) && URL.canParse(`http://${inBrackets(text)}`);
}

/** An IPv6 address as it must be written in a URL; any other host as it is. */
export function inBrackets(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}

/**
 * An `@` behind the host is that of a password with a `/`, `?` or `#`, whose beginning would be taken for the port and
 * told. With a path before it, one in the query belongs there.
 */
function isPostgresUrl(text: string): boolean {
  if (!/^postgres(ql)?:\/\//.test(text) || !URL.canParse(text)) return false;
  const { pathname, search, hash } = new URL(text);
  return !`${pathname}${pathname === '' ? search : ''}${hash}`.includes('@');
}

function isHttpOrigin(text: string): boolean {
  return /^https?:\/\/[^/?#\\@\s]+$/i.test(text) && URL.canParse(text);
}
