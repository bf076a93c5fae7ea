// SPDX-License-Identifier: GPL-3.0-or-later
import type { Setting } from './kinds.ts';
import { mapSettings } from './setting-tree.ts';
import { type SettingValues, type SettingVariable, settingTree } from './settings.ts';
import type { GivenVariables } from './variables.ts';

/** The outcome of the check: complete values, and the mistakes in those that were given. */
export type CheckedVariables = {
  /** A wrong setting has its default here, so that rules about other settings can still be checked. */
  values: SettingValues;
  /** The settings that have a mistake; rules between settings must leave these out. */
  wrong: Set<SettingVariable>;
  mistakes: string[];
};

/** Checks every variable and fills in the defaults. Mistakes are collected, never thrown. */
export function checkVariables(given: GivenVariables): CheckedVariables {
  const wrong = new Set(given.unreadable);
  const mistakes = [...given.mistakes];
  const values = mapSettings(settingTree, (setting) => {
    const variable = setting.variable as SettingVariable;
    const text = given.texts.get(variable);
    if (text === undefined) return setting.unset;
    const reading = setting.read(text);
    if ('value' in reading) return reading.value;
    wrong.add(variable);
    const isFromFile = given.sources.get(variable) === 'file';
    mistakes.push(...mistakesOf(setting, { text, isFromFile }, reading.wrong));
    return setting.unset;
  });
  return { values, wrong, mistakes };
}

function mistakesOf(
  { variable, allowed, secret, kind, explain }: Setting,
  { text, isFromFile }: { text: string; isFromFile: boolean },
  wrong: string[],
): string[] {
  if (secret) {
    const from = isFromFile ? ` (read from ${variable}_FILE)` : '';
    const mistake = `${variable}${from} must be ${allowed}, but is not; its value is kept hidden`;
    const reason = explain?.(text);
    return [reason === undefined ? mistake : `${mistake}: ${reason}`];
  }
  if (kind !== 'list') return [`${variable} must be ${allowed}, but is ${quoted(text)}`];
  return wrong.map((item) => {
    const reason = explain?.(item);
    const found = `${variable}: each item must be ${allowed}, but one is ${quoted(item, text)}`;
    return reason === undefined ? found : `${found}: ${reason}`;
  });
}

/** As JSON, which shows spaces and control characters, and shortened, since a mistake is one line. */
function quoted(text: string, whole = text): string {
  const shown = mayHoldPassword(whole) ? `${/^https?:\/\//i.exec(text)?.[0] ?? ''}[hidden]` : text;
  const json = JSON.stringify(shown);
  return json.length <= 120 ? json : `${json.slice(0, 120)}… (${text.length} characters)`;
}

/**
 * Whether a wrong text may hold a password. A password can hold any character, even the comma that separates the items of
 * a list, so its end is unknown. An `@` counts, and in a URL everything but a host, a port and a path.
 */
function mayHoldPassword(text: string): boolean {
  return text.includes('@') || /:\/\/(?!(\[[\da-f:.]*\]|[^[:/?#]*)(:\d*)?(\/[^?#]*)?$)/i.test(text);
}
