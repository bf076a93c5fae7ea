// SPDX-License-Identifier: GPL-3.0-or-later
import { Secret } from '../../core/secret.ts';
import { reasonOf, shownPath } from '../file-mistakes.ts';
import { readSecretText } from '../secret-text.ts';

/** Where the file says that a secret is. */
export type SecretPlace = { secret_env?: unknown; secret_file?: unknown };

/** A secret, or why there is none; and what is risky about it. */
export type FoundSecret =
  | { secret: Secret; warning?: string | undefined }
  | { member: string; mistake: string };

const bytesMin = 24;
const bytesMax = 64;
const prefix = 'whsec_';

/** Reads the secret of a participant; undefined where the file does not say where it is. */
export function findSecret(
  { secret_env: variable, secret_file: path }: SecretPlace,
  env: NodeJS.ProcessEnv,
): FoundSecret | undefined {
  if (typeof variable === 'string') {
    const text = env[variable];
    const mistake = 'names an environment variable that is not set';
    return text ? toSecret('secret_env', text) : { member: 'secret_env', mistake };
  }
  if (typeof path !== 'string') return undefined;
  try {
    const { text, readableByOthers } = readSecretText(path);
    const warning = `names ${shownPath(path)}, which other users of this machine can read`;
    return {
      ...toSecret('secret_file', text),
      warning: readableByOthers ? warning : undefined,
    };
  } catch (error) {
    const mistake = `must name a file that can be read, but ${shownPath(path)} cannot: ${reasonOf(error as Error)}`;
    return { member: 'secret_file', mistake };
  }
}

/** A secret that begins with `whsec_` is Base64 from there on; of any other the bytes count as they are. */
function toSecret(member: string, text: string): FoundSecret {
  const key = text.startsWith(prefix) ? fromBase64(text.slice(prefix.length)) : Buffer.from(text);
  if (key !== undefined && key.length >= bytesMin && key.length <= bytesMax) {
    return { secret: new Secret(`${prefix}${key.toString('base64')}`) };
  }
  const allowed = `${bytesMin} to ${bytesMax} bytes, or ${prefix} and the Base64 of so many`;
  const found = key === undefined ? 'is no Base64' : `has ${key.length}`;
  return { member, mistake: `must name a secret of ${allowed}, but it ${found}` };
}

function fromBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  const bare = (base64: string) => base64.replace(/=+$/, '');
  return bare(bytes.toString('base64')) === bare(text) ? bytes : undefined;
}
