// SPDX-License-Identifier: GPL-3.0-or-later
import { readConnectionUrl } from '../core/connection-url.ts';
import { net } from './net.ts';

/** Whether a text is a host name or an IP address. */
export function isHost(text: string): boolean {
  return (
    net().isIP(text) !== 0 || (/^[\p{L}\p{N}._-]+$/u.test(text) && URL.canParse(`http://${text}`))
  );
}

/** As above, but an IPv6 address may have brackets, as in a header, and may not name a network interface. */
export function isHostOfUrl(text: string): boolean {
  // Other programs read the dot as all names below; here it would match nothing.
  if (text.startsWith('.')) return false;
  return isHost(text.replace(/^\[(.+)\]$/, '$1')) && URL.canParse(`http://${inBrackets(text)}`);
}

/** The form of `URL.hostname`: lower case, IPv6 in brackets. */
export function toHostname(host: string): string {
  return new URL(`http://${inBrackets(host)}`).hostname;
}

/** An IPv6 address as a URL has it; any other host unchanged. */
function inBrackets(host: string): string {
  return net().isIP(host) === 6 ? `[${host}]` : host;
}

/** Whether a setting may name a schema so: SQL must read the name alike with and without quotes. */
export function isSchemaName(text: string): boolean {
  return /^(?!pg_|information_schema$)[a-z_][a-z0-9_]{0,62}$/.test(text);
}

/** Whether a text can be the path of a file or a folder. */
export function isPath(text: string): boolean {
  return text.trim() !== '';
}

/** Whether a header can carry a text as a key. */
export function isApiKey(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

/** Whether a text is the base URL of a collector of traces. */
export function isCollectorUrl(text: string): boolean {
  return /^https?:\/\/[^?#\\@\s]+(?<!\/v1\/traces\/?)$/i.test(text) && URL.canParse(text);
}

/** Whether a text has the form of a connection URL; its parameters are checked later. */
export function isPostgresUrl(text: string): boolean {
  return readConnectionUrl(text) !== undefined;
}

/** Whether a text is an IP address, a range of them that leaves some out, or `none`. */
export function isProxyRange(text: string): boolean {
  if (text === 'none') return true;
  const [, address = '', bits] = /^([^/]*)(?:\/([1-9]\d{0,2}))?$/.exec(text) ?? [];
  const family = net().isIP(address);
  return family !== 0 && (bits === undefined || Number(bits) <= (family === 4 ? 32 : 128));
}

/**
 * Whether a text is a URL from which the keys of user tokens can be fetched: https, or http on this machine alone, which
 * no other machine can answer.
 */
export function isTokenKeysUrl(text: string): boolean {
  const isSafe = /^https:\/\/|^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?=[:/?]|$)/i.test(text);
  if (!isSafe || !URL.canParse(text)) return false;
  const { username, password, hash } = new URL(text);
  return username === '' && password === '' && hash === '';
}

/** Whether a text is a URL as above or the path of a file. */
export function isTokenKeysSource(text: string): boolean {
  return isTokenKeysUrl(text) || (isPath(text) && !/^[a-z][a-z\d+.-]+:\/\//i.test(text));
}

/** Whether a text can be compared with a claim of a token in full: no spaces around it, and no control characters. */
export function isClaimText(text: string): boolean {
  return /^[^\p{Cc}\p{Cs}]{1,1024}$/u.test(text) && text.trim() === text;
}
