// SPDX-License-Identifier: GPL-3.0-or-later
/** Reads the parts that the URLs of servers have in common. */
import { isHost } from './formats.ts';

/** A host name or an IP address without brackets, and a port. */
export type HostAndPort = { host: string; port: number };

/** What is wrong with a URL, in a phrase that repeats no part of it. */
export class UrlMistake extends Error {}

const hostShape = /^(?:\[(?<address>[^\]]*)\]|(?<name>[^:[\]]*))(?::(?<port>[^:]*))?$/;
const portShape = /^[1-9]\d{0,4}$/;
const portMax = 65_535;

/** Throws an `UrlMistake`. */
export function mistaken(mistake: string): never {
  throw new UrlMistake(mistake);
}

/** Reads a host with an optional port. `article` is that of the host in a mistake. Throws an `UrlMistake`. */
export function readHost(
  text: string,
  {
    defaultPort,
    examplePort,
    article,
  }: { defaultPort: number; examplePort: number; article: 'a' | 'the' },
): HostAndPort {
  const groups = hostShape.exec(text)?.groups;
  if (groups === undefined) mistaken(`an IPv6 address needs brackets, as in [::1]:${examplePort}`);
  const { address, name, port } = groups;
  const host = address ?? name ?? '';
  if (host === '') mistaken(`${article} host is empty`);
  // In brackets only an IPv6 address, which is what has a colon.
  if (!isHost(host) || (address !== undefined && !address.includes(':'))) {
    mistaken(`${article} host is no host name and no IP address`);
  }
  if (port === undefined) return { host, port: defaultPort };
  const number = portShape.test(port) ? Number(port) : 0;
  if (number < 1 || number > portMax) {
    mistaken(`${article} port is no number from 1 to ${portMax}`);
  }
  return { host, port: number };
}

/** Decodes a part. Throws an `UrlMistake` where a % is wrong. */
export function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return mistaken('a % is not followed by two hexadecimal digits that make a character');
  }
}

/** A URL without its user and password, for people. */
export function withoutAccount(text: string): string {
  return text.replace(/\/\/[^/]*@/, '//[hidden]@');
}
