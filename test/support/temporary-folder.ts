// SPDX-License-Identifier: GPL-3.0-or-later
import { chmod, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Creates a folder that other users can reach, since the bundled PostgreSQL may run as another user. */
export async function createTemporaryFolder(name: string, parent = tmpdir()): Promise<string> {
  const folder = await realpath(await mkdtemp(join(parent, `firstcome-${name}-`)));
  await chmod(folder, 0o755);
  return folder;
}

/** Removes a folder, also while the last files in it still disappear. */
export function removeTemporaryFolder(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
