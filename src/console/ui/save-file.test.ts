// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { fileNameOf } from './save-file.ts';

it('names a file so that every system takes it and nobody is misled', () => {
  expect(fileNameOf('claims of drop.ndjson')).toBe('claims of drop.ndjson');
  expect(fileNameOf('claims of a/b\\c:"<x>|?*.ndjson')).toBe('claims of a_b_c___x____.ndjson');
  expect(fileNameOf('claims of sale \u202Egnp.exe.json')).toBe('claims of sale _gnp.exe.json');
  expect(fileNameOf('..\n.json')).toBe('.._.json');
  expect(fileNameOf(`${'😀'.repeat(200)}.json`)).toBe(`${'😀'.repeat(60)}.json`);
});
