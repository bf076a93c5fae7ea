// SPDX-License-Identifier: GPL-3.0-or-later
import { isClaimText, isPath, isTokenKeysSource } from '../formats.ts';
import { flag, optionalText } from '../kinds.ts';
import type { SettingGroup } from '../setting-tree.ts';

/** The settings of tokens that users send themselves. */
export const userTokensGroup = {
  heading: 'User tokens',
  introduction:
    'Signed tokens (JWT) with which users claim for themselves, without a backend in between: see [user-tokens.md](user-tokens.md).',
  settings: {
    userTokens: {
      keysFile: optionalText({
        variable: 'USER_TOKEN_KEYS',
        isValid: isPath,
        allowed: 'the path of a file',
        help: 'File of public keys, PEM or JWK Set, that verify user tokens. Not together with USER_TOKEN_JWKS.',
      }),
      jwks: optionalText({
        variable: 'USER_TOKEN_JWKS',
        isValid: isTokenKeysSource,
        allowed: 'the path of a file, or an https URL without credentials; http only on loopback',
        help: 'JWK Set with the public keys that verify user tokens: a URL, which is fetched again every five minutes, or a file.',
      }),
      issuer: optionalText({
        variable: 'USER_TOKEN_ISSUER',
        isValid: isClaimText,
        allowed: 'a text of 1 to 1024 characters',
        help: 'The iss that a user token must have, in full. Required with keys.',
      }),
      audience: optionalText({
        variable: 'USER_TOKEN_AUDIENCE',
        isValid: isClaimText,
        allowed: 'a text of 1 to 1024 characters',
        help: 'The aud that a user token must name, in full. Required with keys.',
      }),
      mayConfirm: flag({
        variable: 'USER_TOKEN_MAY_CONFIRM',
        default: false,
        help: "Lets a user's token also confirm the user's own reserved claim.",
      }),
    },
  },
} satisfies SettingGroup;
