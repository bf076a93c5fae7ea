// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { sagaFilters, sagaListsOf, sagaMeanings } from './saga-words.ts';

it('shows the sagas that need attention alone and first, unless the address asks for others', () => {
  expect(sagaListsOf(null)[0]).toEqual(['needs_attention']);
  expect(sagaListsOf('unknown')[0]).toEqual(['needs_attention']);
  expect(sagaListsOf('done')).toEqual([['done']]);
});

it('has a filter for each state', () => {
  const states = sagaFilters.map(([state]) => state).filter((state) => state !== '');
  expect(states.sort()).toEqual(Object.keys(sagaMeanings).sort());
});
