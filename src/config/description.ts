// SPDX-License-Identifier: GPL-3.0-or-later
/** Configuration as text: the effective settings, and the help on all of them. */
import { inLines } from '../core/lines.ts';
import type { Setting } from './kinds.ts';
import { settingsIn, settingsWithValues } from './setting-tree.ts';
import {
  type SettingValues,
  type SettingVariable,
  settingGroups,
  settingTree,
} from './settings.ts';
import type { SettingSource } from './variables.ts';

/** An effective setting. The value is as written in the environment, and empty when the setting is absent. */
export type ConfigRow = { variable: SettingVariable; value: string; source: SettingSource };

const columnsMax = 80;

/** One row per setting, in the order of the table, without secrets. */
export function toRows(
  values: SettingValues,
  sources: ReadonlyMap<SettingVariable, SettingSource>,
): ConfigRow[] {
  return settingsWithValues(settingTree, values).map(({ setting, value }) => {
    const variable = setting.variable as SettingVariable;
    return { variable, value: setting.show(value), source: sources.get(variable) ?? 'default' };
  });
}

/** The rows as lines, one `VARIABLE=value` each, with the source of the value unless it is the default. */
export function toLines(rows: readonly ConfigRow[]): string {
  return rows
    .map(({ variable, value, source }) => {
      const line = `${variable}=${value}`;
      return source === 'default' ? line : `${line}  # ${source}`;
    })
    .join('\n');
}

/** Every setting by group, with its default and what it does, in lines of at most 80 columns. */
export function settingsHelp(): string {
  return settingGroups
    .map(({ heading, settings }) => [heading, ...settingsIn(settings).map(helpOn)].join('\n'))
    .join('\n\n');
}

function helpOn({ variable, help, secret, default: usual = '' }: Setting): string {
  const file = secret ? ` (or ${variable}_FILE, the path of its file)` : '';
  return `  ${variable}=${usual}${file}\n${inLines(help, columnsMax, '      ')}`;
}
