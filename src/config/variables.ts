// SPDX-License-Identifier: GPL-3.0-or-later
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { dirname } from 'node:path';
import { reasonOf, shownPath } from './file-mistakes.ts';
import type { Setting } from './kinds.ts';
import { type SettingVariable, settings } from './settings.ts';

/** Where the value of a setting came from; `file` is the file that `<variable>_FILE` names. */
export type SettingSource = 'environment' | 'file' | 'default';

/** The settings that the environment sets, not checked yet. */
export type GivenVariables = {
  texts: Map<SettingVariable, string>;
  /** Holds exactly the variables of `texts`. */
  sources: Map<SettingVariable, SettingSource>;
  /** Settings that are set, but whose text could not be read. */
  unreadable: Set<SettingVariable>;
  mistakes: string[];
  warnings: string[];
};

// Far above any key or URL. It limits the reading of a file named by mistake, such as a disk image.
const secretFileBytesMax = 65_536;

/** Reads the settings of the environment, and the files of the secrets. An empty text counts as unset. */
export function readVariables(env: NodeJS.ProcessEnv): GivenVariables {
  const given: GivenVariables = {
    texts: new Map(),
    sources: new Map(),
    unreadable: new Set(),
    mistakes: [],
    warnings: [],
  };
  for (const setting of settings) {
    const { variable, secret } = setting;
    const text = env[variable] || undefined;
    const path = secret ? env[`${variable}_FILE`] || undefined : undefined;
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

function readSecretFile(
  { variable, fileMayBeAbsent = false }: Setting<unknown, SettingVariable>,
  path: string,
  given: GivenVariables,
): void {
  const name = `${variable}_FILE`;
  const shown = shownPath(path);
  try {
    const { text, readableByOthers } = readSmallFile(path);
    // Without the key the service would be open to every client. A named file shows that a key is wanted.
    if (text === '') {
      throw new Error(fileMayBeAbsent ? 'it is empty; delete it to end the key' : 'it is empty');
    }
    given.texts.set(variable, text);
    given.sources.set(variable, 'file');
    if (readableByOthers) {
      given.warnings.push(`${name} names ${shown}, which other users of this machine can read`);
    }
  } catch (error) {
    if (fileMayBeAbsent && isAbsent(error, path)) return;
    given.unreadable.add(variable);
    const reason = error instanceof Error ? reasonOf(error) : String(error);
    given.mistakes.push(
      `${name} must name a file that can be read, but ${shown} cannot: ${reason}`,
    );
  }
}

/** Whether a folder has no such file. Without the folder, the path is wrong or a volume is missing. */
function isAbsent(error: unknown, path: string): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT' && existsSync(dirname(path));
}

/** The text of a file without one trailing newline, which editors and `echo` add. */
function readSmallFile(path: string): { text: string; readableByOthers: boolean } {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(secretFileBytesMax + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(file, bytes, length, bytes.length - length, null);
    }
    if (length > secretFileBytesMax) throw new Error(`it is over ${secretFileBytesMax} bytes`);
    // Windows has no such permission bits and reports fixed ones.
    const readableByOthers = process.platform !== 'win32' && (fstatSync(file).mode & 0o077) !== 0;
    return { text: bytes.toString('utf8', 0, length).replace(/\r?\n$/, ''), readableByOthers };
  } finally {
    closeSync(file);
  }
}
