// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { openFilesMax, readLimit } from './open-files.ts';

const limits = (soft: string) =>
  [
    'Limit                     Soft Limit           Hard Limit           Units     ',
    'Max processes             95826                95826                processes ',
    `Max open files            ${soft.padEnd(20)} 1048576              files     `,
    'Max locked memory         8388608              8388608              bytes     ',
  ].join('\n');

it('the limit of open files is the soft one, and none where there is no limit', () => {
  expect(readLimit(limits('4096'))).toBe(4096);
  expect(readLimit(limits('unlimited'))).toBeUndefined();
  expect(readLimit('')).toBeUndefined();
});

it.runIf(process.platform === 'linux')('the limit of this process is known', () => {
  expect(openFilesMax()).toBeGreaterThan(0);
});
