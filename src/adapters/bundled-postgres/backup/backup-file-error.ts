// SPDX-License-Identifier: GPL-3.0-or-later
import { BundledPostgresError, errorCodeOf } from '../bundled-postgres-error.ts';
import { DamagedArchiveError } from './archive.ts';

/** Explains a failed operation on the file of a backup and what to do. */
export function toBackupError(error: unknown, file: string): BundledPostgresError {
  if (error instanceof BundledPostgresError) return error;
  return new BundledPostgresError(describe(error, file), { cause: error });
}

function describe(error: unknown, file: string): string {
  if (error instanceof DamagedArchiveError) {
    return `${file} is damaged, or is not a backup: ${error.message}. Use another backup.`;
  }
  switch (errorCodeOf(error)) {
    case 'ENOENT':
      return `There is no ${file}, or its folder does not exist. Check the name.`;
    case 'ENOSPC':
    case 'EDQUOT':
      return 'The disk is full. Free some space, or use a folder on another disk.';
    case 'EACCES':
    case 'EPERM':
      return `User ${process.getuid?.() ?? ''} may not use ${file}. Change the permissions of the file or of its folder, or name another file.`;
    case 'EROFS':
      return `${file} is on a read-only file system. Name another file.`;
    case 'EISDIR':
      return `${file} is a folder. Name a file.`;
    default:
      return `${file} cannot be used: ${error instanceof Error ? error.message : String(error)}`;
  }
}
