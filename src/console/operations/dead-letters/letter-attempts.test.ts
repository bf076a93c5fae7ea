// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { attemptsOf, payloadOf } from './letter-attempts.ts';

const utf8 = (text: string) => ({ body: { encoding: 'utf8' as const, text } });

describe('the message of a dead letter', () => {
  it('says how often its claim was tried', () => {
    expect(attemptsOf(utf8('{"claims":[{"attempts":5}]}'))).toBe(5);
  });

  it('says nothing where it holds no claim, or several', () => {
    const texts = ['{"claims":[{}]}', '{"claims":[{"attempts":1},{"attempts":2}]}', '{}', 'no'];
    for (const text of [...texts, 'null', '[]', '{"claims":[null]}']) {
      expect(attemptsOf(utf8(text)), text).toBeUndefined();
    }
    expect(attemptsOf({ body: null })).toBeUndefined();
    expect(attemptsOf({ body: { encoding: 'base64', text: 'e30=' } })).toBeUndefined();
  });

  it('is shown with line breaks where it is JSON, and as it is elsewhere', () => {
    expect(payloadOf(utf8('{"a":1}'))).toBe('{\n  "a": 1\n}');
    expect(payloadOf(utf8('not json'))).toBe('not json');
    expect(payloadOf({ body: { encoding: 'base64', text: '//4A' } })).toBe('//4A');
    expect(payloadOf({ body: null })).toBeUndefined();
  });
});
