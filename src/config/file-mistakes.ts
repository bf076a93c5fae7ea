// SPDX-License-Identifier: GPL-3.0-or-later

/** A path as a mistake shows it. A text that does not start like a path may be a secret, given instead of its file. */
export function shownPath(path: string): string {
  return /^(\.{0,2}\/|[a-z]:\\)/i.test(path) ? JSON.stringify(path) : 'what it says';
}

const reasonsByErrno: Record<string, string> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
};

/** Why a file cannot be read. */
export function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.code === undefined) return error.message;
  // Not the message, which repeats the path.
  return reasonsByErrno[error.code] ?? error.code;
}
