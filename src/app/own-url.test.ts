// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { ownUrl, portOf } from './own-url.ts';

it.each([
  ['127.0.0.1', 'http://127.0.0.1:8080'],
  ['192.0.2.7', 'http://192.0.2.7:8080'],
  ['localhost', 'http://localhost:8080'],
  ['shop.example', 'http://shop.example:8080'],
  ['::1', 'http://[::1]:8080'],
  ['2001:db8::1', 'http://[2001:db8::1]:8080'],
  ['0.0.0.0', 'http://127.0.0.1:8080'],
  ['::', 'http://[::1]:8080'],
  ['0:0:0:0:0:0:0:0', 'http://[::1]:8080'],
])('calls a service that listens on %s at %s', (host, url) => {
  expect(ownUrl(host, 8080)).toBe(url);
});

it.each(['http://127.0.0.1:80', 'http://[::1]:80', 'http://[fe80::1%eth0]:80'])(
  'reads the port of %s',
  (url) => {
    expect(portOf(url)).toBe(80);
  },
);
