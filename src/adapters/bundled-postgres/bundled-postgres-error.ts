// SPDX-License-Identifier: GPL-3.0-or-later

/** The bundled PostgreSQL cannot run here. The message says what is wrong and what to do. */
export class BundledPostgresError extends Error {
  override readonly name = 'BundledPostgresError';
}

/** An entry for the caller's log; further members are details for programs. */
export type LogEvent = {
  level: 'info' | 'warn' | 'error';
  message: string;
  [detail: string]: unknown;
};

/** The code of a failed system call, such as `ENOENT`; undefined for any other error. */
export function errorCodeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** Explains a failed file operation on `path` and what to do. Returns a `BundledPostgresError` unchanged. */
export function toBundledPostgresError(error: unknown, path: string): BundledPostgresError {
  if (error instanceof BundledPostgresError) return error;
  return new BundledPostgresError(describe(error, path), { cause: error });
}

function describe(error: unknown, path: string): string {
  switch (errorCodeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return `The disk that holds ${path} is full. Free some space, or set DATA_DIR to a folder on another disk.`;
    case 'EACCES':
    case 'EPERM':
      if (couldNotCreate(error, path)) {
        return `User ${process.getuid?.() ?? ''} may not create the folder ${path}. Create it and give it to that user (\`chown\`), or set DATA_DIR to a folder that it may write.`;
      }
      return `User ${process.getuid?.() ?? ''} may not write in ${path}. Give it and its contents to that user (\`chown -R\`), or set DATA_DIR to a folder that it may write.`;
    case 'EROFS':
      return `${path} is on a read-only file system. Mount it writable, or set DATA_DIR to another folder.`;
    case 'ENOTDIR':
    case 'EEXIST':
      return `${path} is a file, or below a file, but must be a folder. Set DATA_DIR to another folder.`;
    default: {
      const reason = error instanceof Error ? error.message : String(error);
      return `The data folder ${path} cannot be used: ${reason}. Set DATA_DIR to another folder, or DATABASE_URL to a PostgreSQL 15 or later.`;
    }
  }
}

/** Whether the operation failed because it could not create the folder itself or one above it. */
function couldNotCreate(error: unknown, path: string): boolean {
  const { syscall, path: tried } = error as NodeJS.ErrnoException;
  return syscall === 'mkdir' && tried !== undefined && path.startsWith(tried);
}
