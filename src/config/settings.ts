// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The table of settings. An entry in one of the groups is all that a setting needs: its name in the configuration, its type,
 * its check, the help and the documentation follow from the entry.
 */
import { accessGroup } from './groups/access.ts';
import { claimsGroup } from './groups/claims.ts';
import { databaseGroup } from './groups/database.ts';
import { httpGroup } from './groups/http.ts';
import { operationGroup } from './groups/operation.ts';
import { queueGroup } from './groups/queue.ts';
import { rateLimitsGroup } from './groups/rate-limits.ts';
import { redisGroup } from './groups/redis.ts';
import { sagasGroup } from './groups/sagas.ts';
import { streamsGroup } from './groups/streams.ts';
import { userTokensGroup } from './groups/user-tokens.ts';
import { webhooksGroup } from './groups/webhooks.ts';
import type { Setting } from './kinds.ts';
import { type SettingGroup, settingsIn, type ValuesOf, type VariableOf } from './setting-tree.ts';

/** The groups in the order of the help and the documentation. */
export const settingGroups: readonly SettingGroup[] = [
  httpGroup,
  accessGroup,
  userTokensGroup,
  rateLimitsGroup,
  databaseGroup,
  claimsGroup,
  queueGroup,
  redisGroup,
  streamsGroup,
  webhooksGroup,
  sagasGroup,
  operationGroup,
];

/** Every setting, by the name of its value in the configuration. */
export const settingTree = {
  ...httpGroup.settings,
  ...accessGroup.settings,
  ...userTokensGroup.settings,
  ...rateLimitsGroup.settings,
  ...databaseGroup.settings,
  ...claimsGroup.settings,
  ...queueGroup.settings,
  ...redisGroup.settings,
  ...streamsGroup.settings,
  ...webhooksGroup.settings,
  ...sagasGroup.settings,
  ...operationGroup.settings,
};

/** The checked value of every setting. */
export type SettingValues = ValuesOf<typeof settingTree>;

/** The name of a setting's environment variable. */
export type SettingVariable = VariableOf<typeof settingTree>;

/** Every setting, in the order in which they are printed. */
export const settings = settingGroups.flatMap((group) =>
  settingsIn(group.settings),
) as readonly Setting<unknown, SettingVariable>[];
