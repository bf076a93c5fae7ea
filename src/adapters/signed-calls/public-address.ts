// SPDX-License-Identifier: GPL-3.0-or-later
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

// Of the internet by its range, but inside Azure the service of metadata and keys of a virtual machine.
const metadataOfAzure = '168.63.129.16';

/**
 * Whether a receiver may be called at this IP address: only unicast addresses of the internet, by the registries of IANA
 * that ipaddr.js knows. IPv6 addresses that contain an IPv4 one are refused, but for a mapped one, which counts as that one.
 */
export function isPublicAddress(text: string): boolean {
  // A zone, as in fe80::1%eth0, names a network of this machine.
  if (isIP(text) === 0 || text.includes('%')) return false;
  // ipaddr.js reads ::8.8.8.8 as a mapped address, which it is not. A URL writes it as ::808:808.
  const isMixed = text.includes(':') && text.includes('.');
  const address = ipaddr.parse(isMixed ? new URL(`http://[${text}]`).hostname.slice(1, -1) : text);
  if (address instanceof ipaddr.IPv4) return isPublicIPv4(address);
  if (address.isIPv4MappedAddress()) return isPublicIPv4(address.toIPv4Address());
  return isGlobal(address.parts) && address.range() === 'unicast' && !isIsatap(address.parts);
}

function isPublicIPv4(address: ipaddr.IPv4): boolean {
  return address.range() === 'unicast' && address.toString() !== metadataOfAzure;
}

/**
 * Whether the last 32 bits are an IPv4 address by ISATAP (RFC 5214, 6.1). ipaddr.js has names of its own for the prefixes of
 * NAT64, 6to4 and Teredo, so these are no unicast. IPv4-compatible addresses are not global.
 */
function isIsatap([, , , , fifth = 0, sixth]: readonly number[]): boolean {
  // The two lowest bits say whether the address is unique, and whether it is that of a group.
  return (fifth & 0xfcff) === 0 && sixth === 0x5efe;
}

/** Whether it is one of 2000::/3, the only global addresses that IANA assigns (RFC 4291, 2.4). */
function isGlobal([first = 0]: readonly number[]): boolean {
  return (first & 0xe000) === 0x2000;
}
