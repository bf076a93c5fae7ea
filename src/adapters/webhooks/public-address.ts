// SPDX-License-Identifier: GPL-3.0-or-later
import ipaddr from 'ipaddr.js';

/**
 * Whether a receiver may be called at this IP address: only unicast addresses of the internet, by the registries of IANA
 * that ipaddr.js knows. IPv6 addresses that contain an IPv4 one are refused, but for a mapped one, which counts as that one.
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.parse(text);
  if (address instanceof ipaddr.IPv4) return address.range() === 'unicast';
  if (address.isIPv4MappedAddress()) return address.toIPv4Address().range() === 'unicast';
  return (
    isGlobal(address.parts) && address.range() === 'unicast' && !hasEmbeddedAddress(address.parts)
  );
}

/**
 * Whether the last 32 bits are an IPv4 address: IPv4-compatible (RFC 4291, 2.5.5.1) or ISATAP (RFC 5214, 6.1). ipaddr.js has
 * names of its own for the prefixes of NAT64, 6to4 and Teredo, so these are no unicast.
 */
function hasEmbeddedAddress(parts: readonly number[]): boolean {
  const isCompatible = parts.slice(0, 6).every((part) => part === 0);
  const isIsatap = (parts[4] === 0 || parts[4] === 0x200) && parts[5] === 0x5efe;
  return isCompatible || isIsatap;
}

/** Whether it is one of 2000::/3, the only global addresses that IANA assigns (RFC 4291, 2.4). */
function isGlobal([first = 0]: readonly number[]): boolean {
  return (first & 0xe000) === 0x2000;
}
