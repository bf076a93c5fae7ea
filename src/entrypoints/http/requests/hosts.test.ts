// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { authorityIn, type HostRuleOptions, hostRule } from './hosts.ts';

function ruleOf(options: Partial<HostRuleOptions>) {
  const usual = { loopbackOnly: false, adminApiKey: undefined, allowedHosts: [] };
  const rule = hostRule({ ...usual, ...options });
  if (rule === undefined) throw new Error('there is no rule');
  return rule;
}

const port = fc.oneof(fc.constant(''), fc.nat(65_535).map(String)).map((text) => `:${text}`);
const someCase = (text: string) =>
  fc.mixedCase(fc.constant(text), { toggleCase: (letter) => letter.toUpperCase() });

/** The host in any case, with or without a port. */
const written = (host: fc.Arbitrary<string>) =>
  fc.tuple(host.chain(someCase), fc.oneof(fc.constant(''), port)).map((pieces) => pieces.join(''));

const numRuns = 500;

describe('the rule where administration needs no key', () => {
  const rule = ruleOf({ allowedHosts: ['coupons.test', 'dotted.test.', '[2001:db8::1]'] });

  it('without an admin key, every domain that is not listed is refused, in any notation', () => {
    const domain = fc.oneof(
      fc.domain(),
      fc.domain().map((name) => `${name}.`),
      fc.domain().map((name) => `localhost.${name}`),
      fc.domain().map((name) => `10.0.0.1.${name}`),
      fc.domain().map((name) => `coupons.test.${name}`),
    );
    fc.assert(
      fc.property(written(domain), (host) => !rule.isAllowed(host)),
      { numRuns },
    );
  });

  it('without an admin key, every IP address is allowed, in any notation', () => {
    const address = fc.oneof(
      fc.ipV4(),
      fc.ipV4Extended(),
      fc.ipV6().map((text) => `[${text}]`),
      fc.ipV6().map((text) => `[${text}%eth0]`),
    );
    fc.assert(
      fc.property(written(address), (host) => rule.isAllowed(host)),
      { numRuns },
    );
  });

  it('without an admin key, names without a dot and listed names are allowed', () => {
    const label = fc.stringMatching(/^[a-z\d_]([a-z\d_-]{0,61}[a-z\d_])?$/);
    const name = fc.oneof(label, fc.constantFrom('coupons.test', 'coupons.test.', 'dotted.test'));
    fc.assert(
      fc.property(written(name), (host) => rule.isAllowed(host)),
      { numRuns },
    );
  });

  it('without an admin key, text that is no host is refused', () => {
    const noHost = fc
      .string({ unit: 'binary' })
      .filter((text) => !/^([\w.-]+|\[[\da-f:.]+(%[\w.~%-]+)?\])(:\d*)?$/i.test(text));
    fc.assert(
      fc.property(noHost, (host) => !rule.isAllowed(host)),
      { numRuns },
    );
  });

  it.each(['[127.0.0.1]', '[10.0.0.1]', '[:::]', '[::1]:x', '[::1%]', 'evil.', '.', '', '-.-'])(
    'without an admin key, "%s" is refused',
    (host) => {
      expect(rule.isAllowed(host)).toBe(false);
    },
  );
});

describe('the rule on loopback', () => {
  const rule = ruleOf({ loopbackOnly: true, adminApiKey: 'key', allowedHosts: ['coupons.test'] });

  it('on loopback, the IPv4 addresses of loopback are allowed and no others', () => {
    fc.assert(
      fc.property(written(fc.ipV4()), (host) => {
        expect(rule.isAllowed(host)).toBe(host.startsWith('127.'));
      }),
      { numRuns },
    );
    for (const host of ['127.0.0.1', '127.255.255.255:8080']) {
      expect(rule.isAllowed(host)).toBe(true);
    }
  });

  it.each(['localhost', 'localhost.', '[::1]', '[::ffff:7f00:1]', 'coupons.test:80', '0x7f.1'])(
    'on loopback, %s is allowed',
    (host) => {
      expect(rule.isAllowed(host)).toBe(true);
    },
  );

  it.each(['service', 'host.docker.internal', '[::2]', '[::ffff:a00:1]', '0.0.0.0', '[127.0.0.1]'])(
    'on loopback, %s is refused',
    (host) => {
      expect(rule.isAllowed(host)).toBe(false);
    },
  );
});

describe('a service that others can reach', () => {
  it('a service that others can reach has no rule for hosts if it has an admin key', () => {
    const options = { loopbackOnly: false, adminApiKey: 'key', allowedHosts: ['coupons.test'] };
    expect(hostRule(options)).toBeUndefined();
  });
});

it.each([
  ['/api/coupons', undefined],
  ['//evil.example/api', undefined],
  ['/http://evil.example/', undefined],
  ['*', undefined],
  ['', undefined],
  ['http://evil.example/api?x#y', 'evil.example'],
  ['HTTP://a:80', 'a:80'],
  ['http://[::1]:80?x', '[::1]:80'],
  ['https://user@evil.example/', 'user@evil.example'],
  ['http:///api', ''],
  ['http://evil\\@service/', 'evil\\@service'],
])('the target %s names the host %s', (target, authority) => {
  expect(authorityIn(target)).toBe(authority);
});
