// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { columnsOf, cutTo, jsonText, quotedText, shownLines, shownText } from './shown-text.ts';

describe('a text of a caller on a terminal', () => {
  it('has no character that moves, hides or reorders others', () => {
    const hostile =
      'a\u001b[2J\u009b31m\u202eb\u2066\u200b\u200d\u2028\u3000\u00a0\u3164\ue000\ud800';
    expect(shownText(hostile)).toBe(
      'a\\u{1b}[2J\\u{9b}31m\\u{202e}b\\u{2066}\\u{200b}\\u{200d}\\u{2028}\\u{3000}\\u{a0}\\u{3164}\\u{e000}\\u{d800}',
    );
    expect(shownText('Zoë’s "sale" 漢字 שלום ❤️ 🎉')).toBe('Zoë’s "sale" 漢字 שלום ❤️ 🎉');
    expect(quotedText('a"\\\n ')).toBe('"a\\"\\\\\\n "');
  });

  it('has no pile of marks that covers other lines', () => {
    expect(shownText(`e${'\u0301'.repeat(5)}`)).toBe(`e${'\u0301'.repeat(3)}\\u{301}\\u{301}`);
  });

  it('is the same text in JSON', () => {
    const hostile = { name: '\u202e\u009b\u{e0001}"' };
    expect(jsonText(hostile)).toBe('{"name":"\\u202e\\u009b\\udb40\\udc01\\""}');
    expect(JSON.parse(jsonText(hostile))).toEqual(hostile);
  });

  it('is harmless in lines, which stay lines', () => {
    expect(shownLines('{"user_id":"\u202e\u009b2J"}\nreason "\u200b"\n')).toBe(
      '{"user_id":"\\u202e\\u009b2J"}\nreason "\\u200b"\n',
    );
  });

  it('takes two columns for each wide character and none for a mark', () => {
    expect(columnsOf('abc')).toBe(3);
    expect(columnsOf('漢字한가ｱア')).toBe(11);
    expect(columnsOf('🎉❤️')).toBe(4);
    expect(columnsOf('e\u0301')).toBe(1);
  });

  it('is cut between characters', () => {
    expect(cutTo(5, '漢字漢')).toBe('漢字…');
    expect(cutTo(6, '漢字漢')).toBe('漢字漢');
    expect(cutTo(2, '🎉🎉')).toBe('…');
    expect(cutTo(3, 'abcd')).toBe('ab…');
    expect(cutTo(0, 'abcd')).toBe('');
  });
});
