// SPDX-License-Identifier: GPL-3.0-or-later
/** The rules between the settings of user tokens. */
import type { Rule } from '../rule.ts';
import type { SettingValues } from '../settings.ts';

type UserTokens = SettingValues['userTokens'];

/** Whether the service accepts user tokens. */
export function hasUserTokens({ keysFile, jwks }: UserTokens): boolean {
  return keysFile !== undefined || jwks !== undefined;
}

/** Keys, issuer and audience are set together, so that no part of the check of a token is left out by mistake. */
export function rulesOfUserTokens(userTokens: UserTokens): Rule[] {
  const { keysFile, jwks, issuer, audience, mayConfirm } = userTokens;
  const sources: Rule['about'] = ['USER_TOKEN_KEYS', 'USER_TOKEN_JWKS'];
  const isOn = hasUserTokens(userTokens);
  const source = keysFile === undefined ? 'USER_TOKEN_JWKS' : 'USER_TOKEN_KEYS';
  const needsKeys = (variable: Rule['about'][number], isSet: boolean): Rule => ({
    isBroken: isSet && !isOn,
    about: [variable, ...sources],
    mistake: `${variable} needs USER_TOKEN_KEYS or USER_TOKEN_JWKS: without keys no user token is accepted`,
  });
  const isNeeded = (variable: Rule['about'][number], isSet: boolean, claim: string): Rule => ({
    isBroken: isOn && !isSet,
    about: [variable, ...sources],
    mistake: `${source} needs ${variable}: otherwise a token with any ${claim} would be accepted`,
  });
  return [
    {
      isBroken: keysFile !== undefined && jwks !== undefined,
      about: sources,
      mistake: 'USER_TOKEN_KEYS and USER_TOKEN_JWKS are both set, but only one of them may be',
    },
    isNeeded('USER_TOKEN_ISSUER', issuer !== undefined, 'iss'),
    isNeeded('USER_TOKEN_AUDIENCE', audience !== undefined, 'aud'),
    needsKeys('USER_TOKEN_ISSUER', issuer !== undefined),
    needsKeys('USER_TOKEN_AUDIENCE', audience !== undefined),
    needsKeys('USER_TOKEN_MAY_CONFIRM', mayConfirm),
  ];
}
