// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { attachmentOf } from './content-disposition.ts';

describe('the name of an export', () => {
  it.each([
    ['LAUNCH-2030', 'filename="claims of LAUNCH-2030.csv"'],
    ['../../etc/passwd', 'filename="claims of .._.._etc_passwd.csv"'],
    ['a"; filename="b.exe', 'filename="claims of a_; filename=_b.exe.csv"'],
    ['C:\\a|b<c>?*', 'filename="claims of C__a_b_c___.csv"'],
    ['50%41', `filename="claims of 50_41.csv"; filename*=UTF-8''claims%20of%2050%2541.csv`],
    ['für', `filename="claims of f_r.csv"; filename*=UTF-8''claims%20of%20f%C3%BCr.csv`],
    [
      "é'(*)",
      `filename="claims of _'(_).csv"; filename*=UTF-8''claims%20of%20%C3%A9%27%28_%29.csv`,
    ],
    ['\u202evsc.exe', 'filename="claims of _vsc.exe.csv"'],
    ['a\r\nSet-Cookie: b', 'filename="claims of a__Set-Cookie_ b.csv"'],
  ])('%j becomes %s', (coupon, parameters) => {
    expect(attachmentOf(coupon, 'csv')).toBe(`attachment; ${parameters}`);
  });

  it('a long name is cut between characters, so that any file system can store it', () => {
    const header = attachmentOf('🎟'.repeat(255), 'ndjson');
    const fileName = decodeURIComponent(header.split("''")[1] ?? '');
    expect(fileName).toBe(`claims of ${'🎟'.repeat(50)}.ndjson`);
  });
});
