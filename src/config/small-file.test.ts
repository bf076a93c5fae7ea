// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { isReadableByOthers } from './small-file.ts';

describe('a file that', () => {
  it.each([
    ['only its owner can read', 0o400, 1000, 1000, false],
    ['the group of its owner can read too', 0o440, 1000, 1000, true],
    ['every user can read', 0o444, 1000, 1000, true],
    ['root owns and the group of this process can read', 0o440, 0, 1000, false],
    ['root owns and every user can read', 0o444, 0, 1000, true],
    ['root owns and its group can read, in a process of root', 0o440, 0, 0, true],
    ['every user can read, on Windows', 0o444, 0, undefined, false],
  ])('%s', (_, mode, uid, ownUid, expected) => {
    expect(isReadableByOthers({ mode: 0o100_000 | mode, uid }, ownUid)).toBe(expected);
  });
});
