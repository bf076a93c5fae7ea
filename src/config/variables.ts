// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { reasonOf, shownPath } from './file-mistakes.ts';
import type { Setting } from './kinds.ts';
import { readSecretText } from './secret-text.ts';
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
    const { text, readableByOthers } = readSecretText(path);
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
