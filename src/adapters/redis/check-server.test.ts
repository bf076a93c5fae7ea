// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { whyUnusable } from './check-server.ts';

const info = (version: string, role = 'master') =>
  `# Server\r\nredis_version:${version}\r\nos:Linux 6.1: x\r\n\r\n# Replication\r\nrole:${role}\r\n`;

it.each(['6.2.0', '6.10.1', '7.0.15', '10.0.0'])('Redis %s is used', (version) => {
  expect(whyUnusable(info(version))).toBeUndefined();
});

it.each(['2.8.9', '5.0.14', '6.0.16'])('Redis %s is too old', (version) => {
  expect(whyUnusable(info(version))).toContain('the oldest that can be used is 6.2');
});

it('an answer without a version, and a replica, are not used', () => {
  expect(whyUnusable('')).toContain('the oldest');
  expect(whyUnusable(info('7.0.15', 'slave'))).toContain('replica');
});
