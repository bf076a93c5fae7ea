// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { isPosition, searchByOf } from './search-claims.ts';

it('searches by the user unless the address names another way', () => {
  expect([null, '', 'user', 'state'].map(searchByOf)).toEqual(Array(4).fill('user'));
  expect(['position', 'id'].map(searchByOf)).toEqual(['position', 'id']);
});

it('takes whole numbers from 1 on as positions', () => {
  expect(['1', '42', '4294967295'].filter(isPosition)).toHaveLength(3);
  expect(['', '0', '-1', '1.5', '1e3', ' 1', 'ada', '12345678901'].filter(isPosition)).toEqual([]);
});
