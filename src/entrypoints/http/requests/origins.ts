// SPDX-License-Identifier: GPL-3.0-or-later

// An authority that holds none of these is a host and perhaps a port, and no more.
const originForm = /^(https?):\/\/([^/?#\\@\s]+)$/i;

/**
 * Whether a page of this origin came from the host that its request names, as the URL standard compares them: without
 * regard to case, to a default port that is written out, or to how an address is written. The scheme is that of the
 * origin, since behind a proxy that ends TLS the service does not know its own.
 */
export function isOwnOrigin(origin: string, host: string): boolean {
  const [, scheme = '', authority = ''] = originForm.exec(origin) ?? [];
  const own = hostIn(scheme, host);
  return own !== undefined && own === hostIn(scheme, authority);
}

/** Host and port in the standard's form; undefined where they are none. */
function hostIn(scheme: string, authority: string): string | undefined {
  const text = `${scheme}://${authority}`;
  return originForm.test(text) && URL.canParse(text) ? new URL(text).host : undefined;
}
