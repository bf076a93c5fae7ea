// SPDX-License-Identifier: GPL-3.0-or-later
import { isIPv6 } from 'node:net';

/**
 * The URL at which this machine calls a service that listens on `host`. For an address that means all addresses, such as
 * 0.0.0.0, this is the loopback address of the same family.
 */
export function ownUrl(host: string, port: number): string {
  const isAny = /^[0.:]+$/.test(host);
  if (isIPv6(host)) return `http://[${isAny ? '::1' : host}]:${port}`;
  return `http://${isAny ? '127.0.0.1' : host}:${port}`;
}

/** The port in the URL of a service. `URL` refuses an IPv6 address that names a network interface. */
export function portOf(url: string): number {
  return Number(/:(\d+)$/.exec(url)?.[1]);
}
