// SPDX-License-Identifier: GPL-3.0-or-later
/** The last step of the build: copies the .sql files, which the compiler ignores, next to the compiled code. */
import { chmodSync, cpSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

const consoleSource = join('src', 'console');
const isSql = (path) => path.endsWith('.sql');

// Removed first: a deleted or renamed statement or migration must not remain from an old build.
for (const path of readdirSync('dist', { recursive: true }).filter(isSql))
  rmSync(join('dist', path));
cpSync('src', 'dist', {
  recursive: true,
  // The page is built on its own.
  filter: (path) => isSql(path) || (statSync(path).isDirectory() && path !== consoleSource),
});

// The first line of the executable sets the Node flags.
chmodSync('dist/main.js', 0o755);
