// SPDX-License-Identifier: GPL-3.0-or-later

// Without these characters the authority is a host and perhaps a port, and nothing else.
const originForm = /^(https?):\/\/([^/?#\\@\s]+)$/i;

/**
 * Whether the origin of a page is the host that its request names. Compares as the URL standard does: ignores case, an
 * explicit default port, and the notation of an address. Takes the scheme from the origin, since a service behind a
 * proxy that ends TLS does not know its own.
 */
export function isOwnOrigin(origin: string, host: string): boolean {
  const [, scheme = '', authority = ''] = originForm.exec(origin) ?? [];
  const own = hostIn(scheme, host);
  return own !== undefined && own === hostIn(scheme, authority);
}

/** Host and port in their standard form; undefined where the text is not a host. */
function hostIn(scheme: string, authority: string): string | undefined {
  const text = `${scheme}://${authority}`;
  return originForm.test(text) && URL.canParse(text) ? new URL(text).host : undefined;
}
