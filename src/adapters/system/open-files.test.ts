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

it('reads the soft limit of open files, and none if it is unlimited', () => {
  expect(readLimit(limits('4096'))).toBe(4096);
  expect(readLimit(limits('unlimited'))).toBeUndefined();
  expect(readLimit('')).toBeUndefined();
});

it.runIf(process.platform === 'linux')('finds the limit of this process', () => {
  expect(openFilesMax()).toBeGreaterThan(0);
});
