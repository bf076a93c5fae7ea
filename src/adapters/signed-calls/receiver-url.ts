// SPDX-License-Identifier: GPL-3.0-or-later
import { isIP } from 'node:net';
import { isPublicAddress } from './public-address.ts';

/** Where receivers may be. */
export type ReceiverRules = {
  /** Plain HTTP is accepted too. */
  allowsHttp: boolean;
  /**
   * Receivers that are accepted although their port or address is not: `host:port`, with the host as it stands in the URL. A
   * host of `*` accepts the port for all public addresses.
   */
  allowed: readonly string[];
};

const portOf = ({ port, protocol }: URL) => port || (protocol === 'https:' ? '443' : '80');

/** The host of a URL without the brackets of an IPv6 address. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/** Whether an operator has named this receiver, so that its address is not checked. */
export function isNamed(url: URL, { allowed }: ReceiverRules): boolean {
  // `*` is a valid host of a URL.
  return url.hostname !== '*' && allowed.includes(`${url.hostname}:${portOf(url)}`);
}

/** `localhost` and all names in it, which are names of this machine (RFC 6761, 6.3). */
const isLocalName = (host: string) => /(?:^|\.)localhost\.?$/.test(host);

// `URL.canParse` of Node 20 refuses letters such as ü once it is compiled.
function parse(text: string): URL | undefined {
  // `new URL` accepts these, but other programs read another host.
  if (/[\\\s]/.test(text)) return undefined;
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/**
 * Why events may not be sent to a URL, as far as the URL shows; undefined if they may. The addresses of a name are checked
 * when it is called. `new URL` has brought each spelling of an IPv4 address into its usual one (WHATWG URL, 3.5).
 */
export function whyForbidden(text: string, rules: ReceiverRules): string | undefined {
  const url = parse(text);
  if (url === undefined) return 'must be a URL';
  const schemes = rules.allowsHttp ? ['https:', 'http:'] : ['https:'];
  if (!schemes.includes(url.protocol)) {
    return rules.allowsHttp ? 'must begin with https:// or http://' : 'must begin with https://';
  }
  if (url.username !== '' || url.password !== '') return 'must have no user and no password';
  if (isNamed(url, rules)) return undefined;
  const port = portOf(url);
  const isUsualPort = port === (url.protocol === 'https:' ? '443' : '80');
  if (!isUsualPort && !rules.allowed.includes(`*:${port}`)) {
    return `must have a port that the service allows, and ${port} is none; see WEBHOOK_ALLOWED_RECEIVERS`;
  }
  const host = hostOf(url);
  if (isLocalName(host) || (isIP(host) !== 0 && !isPublicAddress(host))) {
    return 'must have a public address';
  }
  return undefined;
}
