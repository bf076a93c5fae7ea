// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { textArray } from '../../src/adapters/postgres/array-parameters.ts';
import { range } from '../support/crowd.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

const arrays: [string, (string | undefined)[]][] = [
  ['no element', []],
  ['an empty text', ['']],
  ['quotes, backslashes, commas and braces', ['"', "'", '\\', ',', '{', '}', '{"a", \\"b\\"}']],
  ['the word NULL and no text at all', ['NULL', undefined, 'null', undefined]],
  ['blanks', [' ', '\t', ' a ', '\n']],
  ['characters of one to four bytes', ['aé€\u{1f39f}', 'e\u0301', '\u{1f468}\u200d\u{1f469}']],
  ['255 characters of four bytes', ['\u{1f600}'.repeat(255)]],
  ['5,000 elements', range(5_000).map((index) => (index % 7 ? `user ${index} é` : undefined))],
];

describe('an array of texts', () => {
  it.each(arrays)('with %s reaches the server as it is', async (_, texts) => {
    const [row] = await database.query(
      'select $1::text[] as texts, cardinality($1::text[]) as size',
      [textArray(texts, (text) => text)],
    );
    expect(row).toEqual({ texts: texts.map((text) => text ?? null), size: texts.length });
  });

  it.each(arrays)('with %s is to the server what the driver would send', async (_, texts) => {
    const [row] = await database.query('select $1::text[] = $2::text[] as same', [
      textArray(texts, (text) => text),
      texts.map((text) => text ?? null),
    ]);
    expect(row).toEqual({ same: true });
  });
});
