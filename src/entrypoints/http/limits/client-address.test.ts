// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientAddressBy, countedAs } from './client-address.ts';

const proxy = '10.0.0.1';

function addressOf(
  trusted: readonly string[],
  remoteAddress: string | undefined,
  forwardedFor?: string,
): string {
  const headers = forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor };
  return clientAddressBy(trusted)({ headers, socket: { remoteAddress } });
}

describe('the address of a client', () => {
  it.each<[string, readonly string[], string | undefined, string | undefined, string]>([
    ['a direct client', ['none'], '192.0.2.1', undefined, '192.0.2.1'],
    ['a direct client with a header', ['none'], '192.0.2.1', '203.0.113.9', '192.0.2.1'],
    ['a client beside the proxies', [proxy], '192.0.2.1', '203.0.113.9', '192.0.2.1'],
    ['the proxy itself', [proxy], proxy, undefined, proxy],
    ['a proxy with an empty header', [proxy], proxy, ' , ,', proxy],
    ['a client of a proxy', [proxy], proxy, '192.0.2.1', '192.0.2.1'],
    ['a client with a header of its own', [proxy], proxy, '203.0.113.9, 192.0.2.1', '192.0.2.1'],
    [
      'a client that names a proxy',
      [proxy],
      proxy,
      `203.0.113.9, ${proxy}, 192.0.2.1`,
      '192.0.2.1',
    ],
    ['two proxies', ['10.0.0.0/8'], proxy, '192.0.2.1, 10.9.9.9', '192.0.2.1'],
    ['a proxy on IPv6', ['2001:db8::/32'], '2001:db8::1', '192.0.2.1', '192.0.2.1'],
    [
      'a proxy on IPv4 that Node shows as IPv6',
      [proxy],
      `::ffff:${proxy}`,
      '192.0.2.1',
      '192.0.2.1',
    ],
    ['a proxy that the setting has as IPv6', [`::ffff:${proxy}`], proxy, '192.0.2.1', '192.0.2.1'],
    ['a proxy that sends no address', [proxy], proxy, '192.0.2.1, unknown', proxy],
    ['a proxy that hides the address', [proxy], proxy, '_hidden', proxy],
    ['a proxy that adds the port', [proxy], proxy, '192.0.2.1:4711', '192.0.2.1'],
    [
      'a proxy that adds the port to IPv6',
      [proxy],
      proxy,
      '[2001:db8::1]:4711',
      '2001:db8:0:0::/64',
    ],
    ['a proxy that adds brackets', [proxy], proxy, '[2001:db8::1]', '2001:db8:0:0::/64'],
    ['a number that other programs read as an address', [proxy], proxy, '0x7f000001', proxy],
    ['a short form of an address', [proxy], proxy, '127.1', proxy],
    ['a closed connection', [proxy], undefined, '192.0.2.1', 'unknown'],
  ])('%s', (_, trusted, remote, header, expected) => {
    expect(addressOf(trusted, remote, header)).toBe(expected);
  });

  it('is chosen by nothing that a client can write, whatever it writes', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary-ascii' }),
      fc.ipV4(),
      fc.ipV6(),
      fc.constantFrom(proxy, '10.0.0.2', ',', ', ,', '::1', 'unknown', '"', '\t', '[', '127.0.0.1'),
    );
    fc.assert(
      fc.property(fc.array(text), fc.ipV4(), (written, client) => {
        fc.pre(!client.startsWith('10.'));
        const byClient = written.join(', ');
        // A direct client, and one whose proxy adds its address.
        expect(addressOf(['10.0.0.0/8'], client, byClient)).toBe(client);
        expect(addressOf(['10.0.0.0/8'], proxy, `${byClient}, ${client}`)).toBe(client);
      }),
      { numRuns: 500 },
    );
  });
});

describe('what an address counts as', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['2001:db8::', '2001:db8:0:0::/64'],
    ['2001:DB8:0001:00a2:3:4:5:6', '2001:db8:1:a2::/64'],
    ['2001:db8:1:a2::192.0.2.1', '2001:db8:1:a2::/64'],
    ['1:2:3::4:5:6', '1:2:3:0::/64'],
    ['1::5:6:7:8', '1:0:0:0::/64'],
    ['::3:4:5:6:7:8', '0:0:3:4::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:0201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:c000:201', '192.0.2.1'],
    ['::fffe:192.0.2.1', '0:0:0:0::/64'],
  ])('%s counts as %s', (address, expected) => {
    expect(countedAs(address)).toBe(expected);
  });

  it.each([
    undefined,
    '',
    'unknown',
    '[]',
    '[192.0.2.1',
    '192.0.2.256',
    '192.0.2.1:x',
    ':1',
    '1::2::3',
  ])('%s is no address', (text) => {
    expect(countedAs(text)).toBeUndefined();
  });

  it('depends on the first 64 bits of an IPv6 address only', () => {
    const group = fc.integer({ min: 1, max: 0xffff }).map((value) => value.toString(16));
    const half = fc.tuple(group, group, group, group).map((groups) => groups.join(':'));
    fc.assert(
      fc.property(half, half, half, (network, host, other) => {
        expect(countedAs(`${network}:${host}`)).toBe(`${network}::/64`);
        expect(countedAs(`${network}:${other}`)).toBe(`${network}::/64`);
      }),
    );
  });
});
