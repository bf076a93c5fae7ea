// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const root = '/usr/lib/postgresql';

/** The folder of the newest PostgreSQL (15 or later) from Debian's packages; undefined without one. */
export function systemPostgresBinDir(): string | undefined {
  if (!existsSync(root)) return undefined;
  return readdirSync(root)
    .filter((version) => Number(version) >= 15)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(root, version, 'bin'))
    .find((binDir) => existsSync(join(binDir, 'initdb')));
}
