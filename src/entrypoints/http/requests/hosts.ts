// SPDX-License-Identifier: GPL-3.0-or-later
import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** Which hosts a request may name. */
export type HostRuleOptions = {
  /** Whether the service is bound to loopback, and so is only for this machine. */
  loopbackOnly: boolean;
  /** Undefined: administration needs no key. */
  adminApiKey: string | undefined;
  /** Host names without port, in the form of `URL.hostname`. */
  allowedHosts: readonly string[];
};

/** Judges the hosts that requests name. */
export type HostRule = {
  isAllowed(authority: string): boolean;
  /** What a refused caller reads. */
  refusal: string;
};

/**
 * The rule against DNS rebinding: a page whose name its owner points at this service is, for a browser, of the same
 * origin, and may then do what the browser's machine may. Allowed are names that cannot be pointed here from outside:
 * loopback, addresses, and names without a dot, which belong to the local network, such as those of containers.
 * Undefined where administration needs a key, which no such page has.
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

/** The host, in brackets where it is IPv6, and whatever port. */
const authorityForm = /^(?:\[([\da-f:.]+)(?:%[\w.~%-]+)?\]|([\w.-]+))(?::\d*)?$/i;

/** Applies a test to the host as the URL standard reads it, and to the name as it stands. What is no host fails. */
function withHost(test: (host: string, name: string) => boolean): HostRule['isAllowed'] {
  return (authority) => {
    const [matched, ipv6, name = `[${ipv6}]`] = authorityForm.exec(authority) ?? [];
    return matched !== undefined && test(hostOf(name), name);
  };
}

/** Lower case, without a trailing dot, and each address in its usual form: `0x7f.1` is `127.0.0.1`. */
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

/** A name of the local network. A trailing dot would make it one of the public DNS. */
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

/** The host and port in a request target that is a whole URL, and undefined in one that is a path. */
export function authorityIn(target: string): string | undefined {
  if (target.startsWith('/')) return undefined;
  return /^[a-z][a-z\d+.-]*:\/\/([^/?#]*)/i.exec(target)?.[1];
}
