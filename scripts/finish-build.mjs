// SPDX-License-Identifier: GPL-3.0-or-later
/** The second half of the build: lays the .sql files, which the compiler leaves behind, beside the compiled code. */
import { chmodSync, cpSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

const isSql = (path) => path.endsWith('.sql');

// Removed first: a statement or migration that was deleted or renamed must not live on in an old build.
for (const path of readdirSync('dist', { recursive: true }).filter(isSql))
  rmSync(join('dist', path));
cpSync('src', 'dist', {
  recursive: true,
  filter: (path) => isSql(path) || statSync(path).isDirectory(),
});

// The first line of the executable tells how Node is to run it.
chmodSync('dist/main.js', 0o755);
