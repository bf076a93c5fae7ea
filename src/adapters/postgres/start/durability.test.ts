// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { durabilityOf, unsafeSettings } from './durability.ts';

const local = { fsync: 'on', synchronous_commit: 'on', synchronous_standby_names: '' };
const standby = { ...local, synchronous_standby_names: 'ANY 1 (a, b)' };

it.each([
  ['local', local],
  ['local', { ...local, synchronous_commit: 'local' }],
  ['local', { ...standby, synchronous_commit: 'local' }],
  ['replicated', standby],
  ['replicated', { ...standby, synchronous_commit: 'remote_write' }],
  ['replicated', { ...standby, synchronous_commit: 'remote_apply' }],
  ['unsafe', { ...local, fsync: 'off' }],
  ['unsafe', { ...standby, fsync: 'off' }],
  ['unsafe', { ...standby, synchronous_commit: 'off' }],
])('durability is %s with %j', (level, settings) => {
  expect(durabilityOf(settings)).toBe(level);
});

it('unsafeSettings names each setting that can lose a claim', () => {
  expect(unsafeSettings(local)).toEqual([]);
  expect(unsafeSettings({ ...local, fsync: 'off', synchronous_commit: 'off' })).toEqual([
    'fsync',
    'synchronous_commit',
  ]);
});
