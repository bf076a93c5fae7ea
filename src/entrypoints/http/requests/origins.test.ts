// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isOwnOrigin } from './origins.ts';

const host = fc.oneof(
  fc.domain(),
  fc.constant('localhost'),
  fc.ipV4(),
  fc.ipV6().map((text) => `[${text}]`),
);
const url = fc
  .tuple(fc.constantFrom('http', 'https'), host, fc.option(fc.nat(65_535)))
  .map(([scheme, name, port]) => `${scheme}://${name}${port === null ? '' : `:${port}`}`);

it('the origin of a page matches the host that its browser names', () => {
  fc.assert(
    fc.property(url, (text) => {
      const page = new URL(text);
      expect(isOwnOrigin(page.origin, page.host)).toBe(true);
      // Some HTTP clients write the default port.
      const port = page.port || { 'http:': '80', 'https:': '443' }[page.protocol];
      expect(isOwnOrigin(page.origin, `${page.hostname}:${port}`)).toBe(true);
      expect(isOwnOrigin(page.origin.toUpperCase(), page.host)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

it('the origin of a page does not match another host or port', () => {
  fc.assert(
    fc.property(url, url, (one, other) => {
      const [page, service] = [new URL(one), new URL(other)];
      fc.pre(page.hostname !== service.hostname || page.port !== service.port);
      expect(isOwnOrigin(page.origin, service.host)).toBe(false);
    }),
    { numRuns: 500 },
  );
});

it.each([
  ['null', 'null'],
  ['', ''],
  ['http://', ''],
  ['https://shop.example', ''],
  ['https://shop.example/', 'shop.example'],
  ['https://shop.example?', 'shop.example'],
  ['https://user@shop.example', 'shop.example'],
  ['https://user@shop.example', 'user@shop.example'],
  ['https://shop.example https://evil.example', 'shop.example'],
  ['https://shop.example, https://shop.example', 'shop.example'],
  ['https://shop.example\\', 'shop.example'],
  ['https://shop.example:99999', 'shop.example:99999'],
  ['ftp://shop.example', 'shop.example'],
  ['capacitor://localhost', 'localhost'],
  ['https:shop.example', 'shop.example'],
  ['https://[::1%eth0]', '[::1%eth0]'],
])('the origin "%s" does not match the host "%s"', (origin, host) => {
  expect(isOwnOrigin(origin, host)).toBe(false);
});
