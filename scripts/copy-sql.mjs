// SPDX-License-Identifier: GPL-3.0-or-later
/** The second half of the build: the compiler leaves .sql files behind, so they are laid beside the compiled code. */
import { cpSync, rmSync } from 'node:fs';

for (const folder of ['sql', 'migrations']) {
  const target = `dist/adapters/postgres/${folder}`;
  // Removed first: a statement or migration that was deleted or renamed must not live on in an old build.
  rmSync(target, { recursive: true, force: true });
  cpSync(`src/adapters/postgres/${folder}`, target, { recursive: true });
}
