// SPDX-License-Identifier: GPL-3.0-or-later

/** What a command does with a file. */
export type FileUse = 'read' | 'write';

const problems: Record<string, Record<FileUse, string>> = {
  ENOENT: {
    read: 'there is no such file: check its name',
    write: 'its folder does not exist: create the folder, or name another file',
  },
  EISDIR: { read: 'is a folder: name a file', write: 'is a folder: name a file' },
  EACCES: {
    read: 'this user may not read it: change its permissions',
    write: 'this user may not write it: change the permissions, or name another file',
  },
  EPERM: {
    read: 'this user may not read it: change its permissions',
    write: 'this user may not write it: change the permissions, or name another file',
  },
  ENOTDIR: {
    read: 'a part of its path is a file, not a folder: check its name',
    write: 'a part of its path is a file, not a folder: name another file',
  },
  ENOSPC: {
    read: 'the disk is full: free some space',
    write: 'the disk is full: free some space, or name a file on another disk',
  },
  EDQUOT: {
    read: 'the quota of this user is used up: free some space',
    write: 'the quota of this user is used up: free some space, or name a file on another disk',
  },
  ENAMETOOLONG: {
    read: 'its name is too long: check its name',
    write: 'its name is too long: name another file',
  },
  EROFS: {
    read: 'the file system is read-only',
    write: 'the file system is read-only: name another file',
  },
};

/** Why a file cannot be used, and what to do. For a reason that is not listed it is the message of the system. */
export function fileProblem({ code = '', message }: NodeJS.ErrnoException, use: FileUse): string {
  return problems[code]?.[use] ?? message;
}
