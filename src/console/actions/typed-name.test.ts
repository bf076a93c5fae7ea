// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { isTypedName } from './typed-name.ts';

describe('isTypedName', () => {
  it('accepts the name, and the name as the page shows it', () => {
    expect(isTypedName('a/b', 'a/b')).toBe(true);
    expect(isTypedName('LA[U+202E]UNCH', 'LA\u202eUNCH')).toBe(true);
    expect(isTypedName('LA\u202eUNCH', 'LA\u202eUNCH')).toBe(true);
    expect(isTypedName('two words', ' two  words ')).toBe(true);
  });

  it('refuses every other text', () => {
    for (const typed of ['', 'launch', 'LAUNC', 'LAUNCH2', 'LAU NCH']) {
      expect(isTypedName(typed, 'LAUNCH'), typed).toBe(false);
    }
  });
});
