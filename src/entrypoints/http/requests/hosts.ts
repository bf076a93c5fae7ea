// SPDX-License-Identifier: GPL-3.0-or-later
import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** What decides which hosts a request may name. */
export type HostRuleOptions = {
  /** Whether the service listens on loopback only. */
  loopbackOnly: boolean;
  /** Undefined: administration needs no key. */
  adminApiKey: string | undefined;
  /** Host names without port, in the form of `URL.hostname`. */
  allowedHosts: readonly string[];
};

/** Which hosts requests may name. */
export type HostRule = {
  isAllowed(authority: string): boolean;
  /** The `detail` of a refusal. */
  refusal: string;
};

/**
 * The rule against DNS rebinding. An attacker can let the name of his page resolve to this service. A browser then takes
 * both for the same origin, and the page may do what the machine of the browser may. So only names are allowed that no
 * attacker can set: loopback, addresses, and names without a dot, which belong to the local network, such as those of
 * containers. Undefined where administration needs a key, which no such page has.
 */
export function hostRule(options: HostRuleOptions): HostRule | undefined {
  const allowedHosts = new Set(options.allowedHosts.map(withoutTrailingDot));
  const isKnown = (host: string) => isLoopbackHost(host) || allowedHosts.has(host);
  if (options.loopbackOnly) {
    return {
      isAllowed: withHost(isKnown),
      refusal: 'only loopback names are answered here; add others to ALLOWED_HOSTS',
    };
  }
  if (options.adminApiKey !== undefined) return undefined;
  return {
    isAllowed: withHost((host, name) => isKnown(host) || isLocalName(name) || isAddress(host)),
    refusal:
      'administration needs no key here, so a host name with a dot must be in ALLOWED_HOSTS; ' +
      'add it there or set ADMIN_API_KEY',
  };
}

/** A host, in brackets if it is IPv6, with or without a port. */
const authorityForm = /^(?:\[([\da-f:.]+)(?:%[\w.~%-]+)?\]|([\w.-]+))(?::\d*)?$/i;

/** Passes the host as the URL standard reads it, and the name as it was sent. What is no host is not allowed. */
function withHost(test: (host: string, name: string) => boolean): HostRule['isAllowed'] {
  return (authority) => {
    const [matched, ipv6, name = `[${ipv6}]`] = authorityForm.exec(authority) ?? [];
    return matched !== undefined && test(hostOf(name), name);
  };
}

/** In lower case, without a trailing dot, and with addresses in their usual form: `0x7f.1` is `127.0.0.1`. */
function hostOf(name: string): string {
  const url = `http://${name}`;
  return withoutTrailingDot(URL.canParse(url) ? new URL(url).hostname : name.toLowerCase());
}

function withoutTrailingDot(name: string): string {
  return name.replace(/(?<=[^.])\.$/, '');
}

function isAddress(host: string): boolean {
  return host.startsWith('[') ? isIPv6(host.slice(1, -1)) : isIPv4(host);
}

/** A name of the local network. With a trailing dot it would be one of the public DNS. */
function isLocalName(name: string): boolean {
  return /^[\w-]+$/.test(name) || withoutTrailingDot(name.toLowerCase()) === 'host.docker.internal';
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

function isLoopbackHost(host: string): boolean {
  if (!isAddress(host)) return host === 'localhost';
  return host.startsWith('[')
    ? loopback.check(host.slice(1, -1), 'ipv6')
    : loopback.check(host, 'ipv4');
}

/** Whether a host, with or without a port, is a loopback name. */
export const isLoopbackAuthority: (authority: string) => boolean = withHost(isLoopbackHost);

/** The host and port in a request target that is a full URL; undefined for one that is a path. */
export function authorityIn(target: string): string | undefined {
  if (target.startsWith('/')) return undefined;
  return /^[a-z][a-z\d+.-]*:\/\/([^/?#]*)/i.exec(target)?.[1];
}
