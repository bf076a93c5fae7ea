// SPDX-License-Identifier: GPL-3.0-or-later
import { createRequire } from 'node:module';

/** The version in package.json. Importing `node:fs` instead takes a third of the start of an empty program. */
export const { version } = createRequire(import.meta.url)('../../package.json') as {
  version: string;
};
