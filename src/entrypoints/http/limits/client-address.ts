// SPDX-License-Identifier: GPL-3.0-or-later
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import proxyAddr from '@fastify/proxy-addr';

/** What is read of a request. */
export type AddressedRequest = {
  headers: IncomingMessage['headers'];
  socket: Pick<IncomingMessage['socket'], 'remoteAddress'>;
};

/**
 * Returns a function that finds the address under which requests of a client count: an IPv4 address, or a network `/64` of
 * IPv6, since one client has all addresses of such a network. Nothing but rate limits may use it.
 *
 * A connection from a trusted proxy is followed back through `X-Forwarded-For`, from its end, up to the first address that
 * is not a trusted proxy: what stands before it was written by the client. Of other connections the header is not read.
 */
export function clientAddressBy(
  trustedProxies: readonly string[],
): (request: AddressedRequest) => string {
  const proxies = trustedProxies.filter((one) => one !== 'none');
  if (proxies.length === 0) return ({ socket }) => countedAs(socket.remoteAddress) ?? unknown;
  const isTrusted = proxyAddr.compile(proxies);
  return (request) => {
    const { remoteAddress } = request.socket;
    if (remoteAddress === undefined || !isTrusted(remoteAddress, 0)) {
      return countedAs(remoteAddress) ?? unknown;
    }
    // From the proxy to the client. A text that is no address counts as the proxy that has sent it.
    const path = proxyAddr.all(request as IncomingMessage, isTrusted);
    return path.map(countedAs).findLast((address) => address !== undefined) ?? unknown;
  };
}

/** For a connection that is closed already: no response can reach its client. */
const unknown = 'unknown';

/** The address under which an address counts; undefined if the text is none. */
export function countedAs(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const family = isIP(text);
  if (family === 4) return text;
  if (family === 6) return networkOf(text);
  // Some proxies write the port of the client too.
  const [, bracketed, plain] = /^(?:\[([^\]]+)\]|([\d.]+))(?::\d+)?$/.exec(text) ?? [];
  const address = bracketed ?? plain;
  return address === undefined || address === text ? undefined : countedAs(address);
}

/** The `/64` of an IPv6 address; of an IPv4 address that is written as one, that address. */
function networkOf(address: string): string {
  const groups = groupsOf(address);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) {
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 0xff])
      .join('.');
  }
  const network = groups.slice(0, 4).map((group) => group.toString(16));
  return `${network.join(':')}::/64`;
}

/** The eight groups of a valid IPv6 address. */
function groupsOf(address: string): number[] {
  const [withoutZone = ''] = address.split('%', 1);
  // The last 32 bits may be written as an IPv4 address.
  const plain = withoutZone.replace(/\d+\.\d+\.\d+\.\d+$/, (last) => {
    const [a = 0, b = 0, c = 0, d = 0] = last.split('.').map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = [], tail = []] = plain
    .split('::', 2)
    .map((half) => half.split(':').filter((group) => group !== ''))
    .map((groups) => groups.map((group) => Number.parseInt(group, 16)));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => 0);
  return [...head, ...zeros, ...tail];
}
