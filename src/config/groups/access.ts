// SPDX-License-Identifier: GPL-3.0-or-later
import { isApiKey } from '../formats.ts';
import { flag, secret } from '../kinds.ts';
import type { SettingGroup } from '../setting-tree.ts';

const apiKeyFormat = {
  isValid: isApiKey,
  allowed: 'visible ASCII characters without spaces, since it travels in a header',
};

/** The API keys. Those in files can change while the service runs. */
export const apiKeySettings = {
  adminApiKey: secret({
    variable: 'ADMIN_API_KEY',
    ...apiKeyFormat,
    help: 'Key for every call that creates, changes, lists or exports.',
  }),
  adminApiKeyNext: secret({
    variable: 'ADMIN_API_KEY_NEXT',
    ...apiKeyFormat,
    fileMayBeAbsent: true,
    help: 'Key that is to replace ADMIN_API_KEY; both are valid. Its file may be absent.',
  }),
  claimApiKey: secret({
    variable: 'CLAIM_API_KEY',
    ...apiKeyFormat,
    help: 'Key for claiming, reading one claim, confirming, redeeming, and releasing what is reserved; the admin key works for it too.',
  }),
  claimApiKeyNext: secret({
    variable: 'CLAIM_API_KEY_NEXT',
    ...apiKeyFormat,
    fileMayBeAbsent: true,
    help: 'Key that is to replace CLAIM_API_KEY; both are valid. Its file may be absent.',
  }),
  viewerApiKey: secret({
    variable: 'VIEWER_API_KEY',
    ...apiKeyFormat,
    help: 'Key for reading only: lists, exports, holders, single claims and /metrics. Needs ADMIN_API_KEY.',
  }),
};

/** The name of an API key in the configuration. */
export type ApiKeyName = keyof typeof apiKeySettings;

/** The settings that say who may call what. */
export const accessGroup = {
  heading: 'Access',
  introduction:
    'Who may do what. Clients send a key as `Authorization: Bearer <key>`. A key in a file can change while the service runs: see [operate.md](operate.md#rotate-api-keys).',
  settings: {
    auth: {
      ...apiKeySettings,
      allowAnonymousAdmin: flag({
        variable: 'ALLOW_ANONYMOUS_ADMIN',
        default: false,
        help: 'Lets a service that is not on loopback run without ADMIN_API_KEY.',
      }),
    },
  },
} satisfies SettingGroup;
