// SPDX-License-Identifier: GPL-3.0-or-later
/** The rules between API keys. */
import { type ApiKeyName, apiKeySettings } from './groups/access.ts';
import type { Rule } from './rule.ts';
import type { SettingValues } from './settings.ts';

type Keys = SettingValues['auth'];

const adminKeys: ApiKeyName[] = ['adminApiKey', 'adminApiKeyNext'];
const claimKeys: ApiKeyName[] = ['claimApiKey', 'claimApiKeyNext'];

/** A key without the one that it depends on would protect nothing. */
export function rulesBetweenKeys(auth: Keys): Rule[] {
  return [
    ...differ(auth, claimKeys, adminKeys, 'every client that claims could administer'),
    ...differ(auth, ['viewerApiKey'], adminKeys, 'every client that only reads could administer'),
    ...differ(auth, ['viewerApiKey'], claimKeys, 'every client that claims could read all claims'),
    needs(auth, 'adminApiKeyNext', 'adminApiKey', 'it can only replace a key'),
    needs(auth, 'claimApiKeyNext', 'claimApiKey', 'it can only replace a key'),
    needs(auth, 'viewerApiKey', 'adminApiKey', 'without it every client may read and administer'),
  ];
}

/** Keys of different kinds differ. A key and the one that replaces it may be equal, as they are during a rotation. */
function differ(auth: Keys, names: ApiKeyName[], others: ApiKeyName[], why: string): Rule[] {
  return names.flatMap((name) =>
    others.map((other) => {
      const [one, two] = [apiKeySettings[name].variable, apiKeySettings[other].variable];
      const key = auth[name]?.reveal();
      return {
        isBroken: key !== undefined && key === auth[other]?.reveal(),
        about: [one, two],
        mistake: `${one} must differ from ${two}, but is the same: ${why}`,
      };
    }),
  );
}

function needs(auth: Keys, name: ApiKeyName, needed: ApiKeyName, why: string): Rule {
  const [one, two] = [apiKeySettings[name].variable, apiKeySettings[needed].variable];
  return {
    isBroken: auth[name] !== undefined && auth[needed] === undefined,
    about: [one, two],
    mistake: `${one} needs ${two}: ${why}; set ${two}, or remove ${one}`,
  };
}
