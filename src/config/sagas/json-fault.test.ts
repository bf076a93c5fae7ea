// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { findJsonFault } from './json-fault.ts';

const value = 'a value is expected';

it.each([
  ['', 1, 1, value],
  ['{', 1, 2, 'a name in double quotes is expected'],
  ['{\n  name: 1\n}', 2, 3, 'a name in double quotes is expected'],
  ['{"a": 1,\n}', 2, 1, 'a name in double quotes is expected'],
  ['{"a" 1}', 1, 6, '":" is expected'],
  ['{"a": 1 "b": 2}', 1, 9, '"}" is expected'],
  ['[1,\n2\n3]', 3, 1, '"]" is expected'],
  ['[1,]', 1, 4, value],
  ['[1', 1, 3, '"]" is expected'],
  ["['a']", 1, 2, value],
  ['{"a": "b\n"}', 1, 7, 'this text does not end, or has a wrong character'],
  ['["\\N"]', 1, 2, 'this text does not end, or has a wrong character'],
  ['[-]', 1, 2, 'this is no number'],
  ['[01]', 1, 3, '"]" is expected'],
  ['{} // end', 1, 4, 'nothing more is expected'],
  ['{"a": 1, "b": 2,\n "\\u0061": 3}', 2, 2, '"a" is here twice'],
  ['[{"a": 1}, {"a": 1}, 9007199254740993]', 1, 22, expect.stringMatching(/^this number is too/)],
  ['[1e999]', 1, 2, expect.stringMatching(/^this number is too/)],
  ['["\\u0000"]', 1, 2, expect.stringMatching(/PostgreSQL/)],
  ['{"\\ud800": 1}', 1, 2, expect.stringMatching(/PostgreSQL/)],
  ['['.repeat(100_000), 1, 34, 'it is nested over 32 deep'],
])('names the place of the first fault of %j', (text, line, column, reason) => {
  expect(findJsonFault(text)).toEqual({ line, column, reason });
});

it('accepts whatever JSON.stringify writes, and refuses what JSON.parse refuses', () => {
  const isJson = (text: string) => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };
  const ownFaults = /twice|exact|deep|PostgreSQL/;
  const spoilt = fc
    .tuple(fc.json({ maxDepth: 5 }), fc.nat(), fc.constantFrom('', ',', '"', '}', '1', '\\', '-'))
    .map(([json, at, more]) => {
      const offset = at % (json.length + 1);
      return json.slice(0, offset) + more + json.slice(offset + 1);
    });
  const text = fc.oneof(fc.json({ maxDepth: 5 }), spoilt, fc.string());
  fc.assert(
    fc.property(text, (given) => {
      const fault = findJsonFault(given);
      if (fault !== undefined && ownFaults.test(fault.reason)) return;
      expect(fault === undefined).toBe(isJson(given));
    }),
    { numRuns: 3_000 },
  );
});
