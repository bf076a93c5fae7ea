// SPDX-License-Identifier: GPL-3.0-or-later
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { type Setting, type SettingVariable, settings } from './settings.ts';

/** Where the value of a setting came from; `file` is the one that `<variable>_FILE` names. */
export type SettingSource = 'environment' | 'file' | 'default';

/** What the environment says, not yet checked: texts under the names of the settings that are set. */
export type GivenVariables = {
  texts: Map<SettingVariable, string>;
  /** Holds exactly the variables of `texts`. */
  sources: Map<SettingVariable, SettingSource>;
  /** Settings that are set but whose text could not be had: nothing more can be said about them. */
  unreadable: Set<SettingVariable>;
  mistakes: string[];
  warnings: string[];
};

// Far above any key or URL; stops the reading of a file that was named by mistake, such as a disk image.
const secretFileBytesMax = 65_536;

/** Picks the settings out of the environment and reads the files of the secrets. An empty text counts as unset. */
export function readVariables(env: NodeJS.ProcessEnv): GivenVariables {
  const given: GivenVariables = {
    texts: new Map(),
    sources: new Map(),
    unreadable: new Set(),
    mistakes: [],
    warnings: [],
  };
  for (const setting of settings) {
    const { variable } = setting;
    const text = env[variable] || undefined;
    const path = setting.secret ? env[`${variable}_FILE`] || undefined : undefined;
    if (text !== undefined && path !== undefined) {
      given.unreadable.add(variable);
      given.mistakes.push(
        `${variable} and ${variable}_FILE are both set, but only one of them may be`,
      );
    } else if (path !== undefined) {
      readSecretFile(setting, path, given);
    } else if (text !== undefined) {
      given.texts.set(variable, text);
      given.sources.set(variable, 'environment');
    }
  }
  return given;
}

function readSecretFile({ variable }: Setting, path: string, given: GivenVariables): void {
  const name = `${variable}_FILE`;
  const shown = shownPath(path);
  try {
    const { text, readableByOthers } = readSmallFile(path);
    // An empty file would leave the service open to anybody, which nobody means who names a file.
    if (text === '') throw new Error('it is empty');
    given.texts.set(variable, text);
    given.sources.set(variable, 'file');
    if (readableByOthers) {
      given.warnings.push(`${name} names ${shown}, which other users of this machine can read`);
    }
  } catch (error) {
    given.unreadable.add(variable);
    const reason = error instanceof Error ? reasonOf(error) : String(error);
    given.mistakes.push(
      `${name} must name a file that can be read, but ${shown} cannot: ${reason}`,
    );
  }
}

/** The text of a file without its one trailing newline, which editors and `echo` add. */
function readSmallFile(path: string): { text: string; readableByOthers: boolean } {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(secretFileBytesMax + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(file, bytes, length, bytes.length - length, null);
    }
    if (length > secretFileBytesMax) throw new Error(`it is over ${secretFileBytesMax} bytes`);
    // Windows has no such permission bits, only a fixed stand-in for them.
    const readableByOthers = process.platform !== 'win32' && (fstatSync(file).mode & 0o077) !== 0;
    return { text: bytes.toString('utf8', 0, length).replace(/\r?\n$/, ''), readableByOthers };
  } finally {
    closeSync(file);
  }
}

/** A path as a mistake shows it. What does not begin like one may be a secret, given in place of its file. */
export function shownPath(path: string): string {
  return /^(\.{0,2}\/|[a-z]:\\)/i.test(path) ? JSON.stringify(path) : 'what it says';
}

const reasonsByErrno: Record<string, string> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
};

/** Why a file cannot be read, in words. */
export function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.code === undefined) return error.message;
  // Not the message, which repeats the path.
  return reasonsByErrno[error.code] ?? error.code;
}
