// SPDX-License-Identifier: GPL-3.0-or-later
import { createRequire } from 'node:module';

/** The version in package.json. Not read by `node:fs`, whose import alone costs a third of an empty program's start. */
export const { version } = createRequire(import.meta.url)('../../package.json') as {
  version: string;
};
