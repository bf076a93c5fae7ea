// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import {
  addressesWithIPv4,
  forbiddenIPv4,
  forbiddenIPv6,
  localNames,
  publicAddresses,
  spellingsOfIPv4,
  spellingsOfIPv6,
  userTricksWith,
} from '../../../test/support/forbidden-hosts.ts';
import { isPublicAddress } from './public-address.ts';
import { isNamed, type ReceiverRules, whyForbidden } from './receiver-url.ts';

const rules: ReceiverRules = { allowsHttp: true, allowed: [] };
const embedded = forbiddenIPv4.flatMap(addressesWithIPv4);

describe('the address of a receiver', () => {
  it('is refused when it is no unicast address of the internet, or carries one', () => {
    const forbidden = [...forbiddenIPv4, ...forbiddenIPv6, ...embedded];
    expect(forbidden.length).toBeGreaterThan(500);
    expect(forbidden.filter(isPublicAddress)).toEqual([]);
  });

  it('is refused when it is a public IPv4 address inside a tunnel', () => {
    // The first four are mapped, which is no tunnel.
    const tunnelled = addressesWithIPv4('8.8.8.8').slice(4);
    expect(tunnelled.filter(isPublicAddress)).toEqual([]);
  });

  it.each([
    '',
    ' ',
    'shop.example',
    '8.8.8',
    '134744072',
    '0x8.8.8.8',
    '08.8.8.8',
    '8.8.8.8 ',
    '2606::1%eth0',
  ])('is refused when it is %j, which is no address of the usual form', (text) =>
    expect(isPublicAddress(text)).toBe(false),
  );

  it.each(publicAddresses)('is accepted when it is %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
    const host = address.includes(':') ? `[${address}]` : address;
    expect(whyForbidden(`https://${host}/`, rules)).toBeUndefined();
  });
});

describe('the URL of a receiver', () => {
  it('is refused in each spelling of a forbidden address', () => {
    const spellings = [
      ...forbiddenIPv4.flatMap(spellingsOfIPv4),
      ...[...forbiddenIPv6, ...embedded].flatMap(spellingsOfIPv6),
    ];
    const hosts = [...spellings, ...forbiddenIPv4.flatMap(userTricksWith)];
    expect(hosts.length).toBeGreaterThan(5_000);
    for (const scheme of ['https', 'http']) {
      const accepted = hosts.filter(
        (host) => whyForbidden(`${scheme}://${host}/hook`, rules) === undefined,
      );
      expect(accepted).toEqual([]);
    }
  });

  it.each(localNames)('is refused when its host is %j, a name of this machine', (name) => {
    expect(whyForbidden(`https://${name}/`, rules)).toBeDefined();
  });

  it.each([
    ...['', 'shop.example', '/hook', 'https://', 'https:///', 'https://%/', 'https://a b/'],
    ...[
      'http://shop.example/',
      'ftp://shop.example/',
      'file:///etc/passwd',
      'javascript:1',
      'data:,',
    ],
    ...[
      'https://ada@shop.example/',
      'https://:secret@shop.example/',
      'https://ada:secret@shop.example',
    ],
    ...['https://shop.example:80/', 'https://shop.example:8443/', 'https://shop.example:0/'],
    ...[
      'https://shop.example:65536/',
      'https://1.2.3.4.5/',
      'https://256.1.1.1/',
      'https://shop.example\\hook',
    ],
  ])('is refused when it is %s', (text) => {
    expect(whyForbidden(text, { ...rules, allowsHttp: false })).toBeDefined();
  });

  it.each([
    ...['https://shop.example/', 'https://shop.example:443/hook?a=b', 'HTTPS://SHOP.EXAMPLE/'],
    ...['https://localhost.example/', 'https://notlocalhost/', 'https://xn--bcher-kva.example/'],
    'https://bücher.example/',
  ])('is accepted when it is %s', (text) => {
    expect(whyForbidden(text, { ...rules, allowsHttp: false })).toBeUndefined();
  });

  it('may have a further port where an operator accepts it for all public addresses', () => {
    const wide: ReceiverRules = { allowsHttp: false, allowed: ['*:8443'] };
    expect(whyForbidden('https://shop.example:8443/', wide)).toBeUndefined();
    expect(whyForbidden('https://127.0.0.1:8443/', wide)).toBe('must have a public address');
    expect(whyForbidden('https://localhost:8443/', wide)).toBe('must have a public address');
    expect(whyForbidden('https://shop.example:8444/', wide)).toContain('8444 is none');
    expect(isNamed(new URL('https://*:8443/'), wide)).toBe(false);
  });

  it('may have any host and port that an operator names', () => {
    const allowed = ['localhost:9000', '127.0.0.1:9000', '[::1]:9000', 'intranet:443'];
    const wide: ReceiverRules = { allowsHttp: true, allowed };
    for (const text of [
      ...['http://localhost:9000/', 'https://LOCALHOST:9000/', 'http://127.1:9000/'],
      ...['http://[0:0:0:0:0:0:0:1]:9000/', 'https://intranet/'],
    ]) {
      expect(whyForbidden(text, wide)).toBeUndefined();
      expect(isNamed(new URL(text), wide)).toBe(true);
    }
    for (const text of [
      ...['http://localhost:9001/', 'http://localhost.:9000/', 'http://127.0.0.2:9000/'],
      ...['http://ada@localhost:9000/', 'http://a.localhost:9000/', 'ftp://localhost:9000/'],
    ]) {
      expect(whyForbidden(text, wide)).toBeDefined();
    }
  });
});
