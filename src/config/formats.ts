// SPDX-License-Identifier: GPL-3.0-or-later
import { readConnectionUrl } from '../core/connection-url.ts';
import { net } from './net.ts';
import { isOrigin } from './origins.ts';

/** The formats that a text among the settings can have. */
export const formats = {
  host: isHost,
  'host-header': isHostOfUrl,
  folder: (text: string) => text.trim() !== '',
  workers: (text: string) => /^(?:[1-9]|[1-5]\d|6[0-4]|auto)$/.test(text),
  'api-key': (text: string) => /^[\x21-\x7e]+$/.test(text),
  origin: isOrigin,
  'collector-url': (text: string) =>
    /^https?:\/\/[^?#\\@\s]+(?<!\/v1\/traces\/?)$/i.test(text) && URL.canParse(text),
  'postgres-url': (text: string) => readConnectionUrl(text) !== undefined,
  schema: isSchemaName,
};

/** The name of one of the formats. */
export type FormatName = keyof typeof formats;

function isHost(text: string): boolean {
  return (
    net().isIP(text) !== 0 || (/^[\p{L}\p{N}._-]+$/u.test(text) && URL.canParse(`http://${text}`))
  );
}

/** As above, but an IPv6 address may stand in brackets, as in a header, and may not name a network interface. */
function isHostOfUrl(text: string): boolean {
  // Elsewhere such a dot means all names below; here it would match nothing.
  if (text.startsWith('.')) return false;
  return isHost(text.replace(/^\[(.+)\]$/, '$1')) && URL.canParse(`http://${inBrackets(text)}`);
}

/** An IPv6 address as it must be written in a URL; any other host as it is. */
export function inBrackets(host: string): string {
  return net().isIP(host) === 6 ? `[${host}]` : host;
}

/** Whether a schema may be named so by a setting: what SQL reads as the same name with and without quotes. */
export function isSchemaName(text: string): boolean {
  return /^(?!pg_|information_schema$)[a-z_][a-z0-9_]{0,62}$/.test(text);
}
