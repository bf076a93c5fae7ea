// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync, statfsSync } from 'node:fs';

const folder = '/dev/shm';
// The databases of one run, with their logs, take about a third of this.
const bytesMin = 4 * 2 ** 30;

/**
 * A folder in memory for the databases of tests, if this machine has one with enough room that may hold programs. A
 * database there flushes its log as on a disk, but no test waits for a disk.
 */
export function memoryFolder(): string | undefined {
  try {
    const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
    const options = mounts.map((line) => line.split(' ')).find(([, path]) => path === folder)?.[3];
    const { bavail, bsize } = statfsSync(folder);
    const isUsable = options !== undefined && !options.split(',').includes('noexec');
    return isUsable && bavail * bsize >= bytesMin ? folder : undefined;
  } catch {
    return undefined;
  }
}
