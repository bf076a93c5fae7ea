// SPDX-License-Identifier: GPL-3.0-or-later
import { isIPv6 } from 'node:net';

/**
 * The URL at which this machine calls a service that listens on `host`. An address that stands for all of the machine's
 * is none that can be called: the loopback of its kind is meant then.
 */
export function ownUrl(host: string, port: number): string {
  const isEvery = /^[0.:]+$/.test(host);
  if (isIPv6(host)) return `http://[${isEvery ? '::1' : host}]:${port}`;
  return `http://${isEvery ? '127.0.0.1' : host}:${port}`;
}

/** The port in the URL of a service. Not by `URL`, which takes no IPv6 address that names a network interface. */
export function portOf(url: string): number {
  return Number(/:(\d+)$/.exec(url)?.[1]);
}
