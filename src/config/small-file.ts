// SPDX-License-Identifier: GPL-3.0-or-later
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/**
 * The text of a file, and whether other users of this machine can read it. Throws when it is larger: the limit also ends the
 * reading of a file named by mistake, such as a disk image.
 */
export function readSmallFile(
  path: string,
  bytesMax: number,
): { text: string; readableByOthers: boolean } {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(bytesMax + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(file, bytes, length, bytes.length - length, null);
    }
    if (length > bytesMax) throw new Error(`it is over ${bytesMax} bytes`);
    const readableByOthers = isReadableByOthers(fstatSync(file), process.getuid?.());
    return { text: bytes.toString('utf8', 0, length), readableByOthers };
  } finally {
    closeSync(file);
  }
}

/** Whether users besides the one of this process, and root, can read the file. `ownUid` is undefined on Windows. */
export function isReadableByOthers(
  file: { mode: number; uid: number },
  ownUid: number | undefined,
): boolean {
  // Windows has no such permission bits and reports fixed ones.
  if (ownUid === undefined) return false;
  // A process that is not the owner reads the file as a member of its group, as in a volume of Kubernetes.
  const needsGroup = ownUid !== 0 && ownUid !== file.uid;
  return (file.mode & (needsGroup ? 0o007 : 0o077)) !== 0;
}
