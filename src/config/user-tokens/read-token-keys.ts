// SPDX-License-Identifier: GPL-3.0-or-later
import { reasonOf, shownPath } from '../file-mistakes.ts';
import { isTokenKeysUrl } from '../formats.ts';
import type { SettingValues } from '../settings.ts';
import { readSmallFile } from '../small-file.ts';
import { parseTokenKeys } from './parse-token-keys.ts';

/** The largest file, or response of a URL, with keys of user tokens. */
export const tokenKeysBytesMax = 262_144;

/** The file with the keys of user tokens, and the setting that names it; undefined without one. */
export function tokenKeysFile({
  keysFile,
  jwks,
}: SettingValues['userTokens']): { variable: string; path: string } | undefined {
  if (keysFile !== undefined) return { variable: 'USER_TOKEN_KEYS', path: keysFile };
  if (jwks === undefined || isTokenKeysUrl(jwks)) return undefined;
  return { variable: 'USER_TOKEN_JWKS', path: jwks };
}

/** The URL with the keys of user tokens; undefined without one. */
export function tokenKeysUrl({ jwks }: SettingValues['userTokens']): string | undefined {
  return jwks !== undefined && isTokenKeysUrl(jwks) ? jwks : undefined;
}

/** Reads and checks the file with the keys of user tokens. Every key in it must be usable. */
export function readTokenKeysFile(settings: SettingValues['userTokens']): {
  text: string | undefined;
  mistakes: string[];
} {
  const file = tokenKeysFile(settings);
  if (file === undefined) return { text: undefined, mistakes: [] };
  const { variable, path } = file;
  let text: string;
  try {
    text = readSmallFile(path, tokenKeysBytesMax).text;
  } catch (error) {
    const reason = reasonOf(error as Error);
    const mistake = `${variable} must name a file that can be read, but ${shownPath(path)} cannot: ${reason}`;
    return { text: undefined, mistakes: [mistake] };
  }
  const isSet = text.trimStart().startsWith('{');
  if (variable === 'USER_TOKEN_JWKS' && !isSet) {
    return {
      text,
      mistakes: [`${variable}: it is no JWK Set; name a file of PEM with USER_TOKEN_KEYS`],
    };
  }
  return { text, mistakes: parseTokenKeys(text).problems.map((line) => `${variable}: ${line}`) };
}
