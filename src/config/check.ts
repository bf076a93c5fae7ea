// SPDX-License-Identifier: GPL-3.0-or-later
import {
  type Setting,
  type SettingValues,
  type SettingVariable,
  settingDefinitions,
  settings,
} from './settings.ts';
import type { GivenVariables } from './variables.ts';

/** The outcome of the check: complete values, and what was wrong with those that were given. */
export type CheckedVariables = {
  /** A setting that is wrong has its default here, so that rules about other settings can still be checked. */
  values: SettingValues;
  /** The settings that have a mistake; rules between settings must leave these out. */
  wrong: Set<SettingVariable>;
  mistakes: string[];
};

/** Checks every variable and fills in the defaults. Mistakes are collected, never thrown. */
export function checkVariables(given: GivenVariables): CheckedVariables {
  const values: Partial<Record<SettingVariable, unknown>> = {};
  const wrong = new Set(given.unreadable);
  const mistakes = [...given.mistakes];
  for (const setting of settings) {
    const { variable } = setting;
    const definition = settingDefinitions[variable];
    const text = given.texts.get(variable);
    const reading = text === undefined ? { value: definition.unset } : definition.read(text);
    if ('wrong' in reading) {
      wrong.add(variable);
      mistakes.push(...mistakesOf(setting, reading.wrong, given));
      values[variable] = definition.unset;
    } else {
      values[variable] = reading.value;
    }
  }
  return { values: values as SettingValues, wrong, mistakes };
}

function mistakesOf(setting: Setting, wrong: string[], given: GivenVariables): string[] {
  const { variable, allowed } = setting;
  const text = given.texts.get(variable) ?? '';
  if (setting.secret) {
    const from = given.sources.get(variable) === 'file' ? ` (read from ${variable}_FILE)` : '';
    return [`${variable}${from} must be ${allowed}, but is not; its value is kept hidden`];
  }
  if (setting.kind !== 'list') return [`${variable} must be ${allowed}, but is ${quoted(text)}`];
  return wrong.map((item) => {
    const reason = setting.whyNot?.(item);
    const found = `${variable}: each item must be ${allowed}, but one is ${quoted(item, text)}`;
    return reason === undefined ? found : `${found}: ${reason}`;
  });
}

/** As JSON, so that spaces and control characters show, and cut, since a mistake is one line. */
function quoted(text: string, whole = text): string {
  const shown = mayHoldPassword(whole) ? `${/^https?:\/\//i.exec(text)?.[0] ?? ''}[hidden]` : text;
  const json = JSON.stringify(shown);
  return json.length <= 120 ? json : `${json.slice(0, 120)}… (${text.length} characters)`;
}

/**
 * Whether a text that is not what it should be may hold a password. Where that ends cannot be told, since it may hold
 * any character, also the comma that parts a list. So an `@` tells, and in a URL all but a host, a port and a path.
 */
function mayHoldPassword(text: string): boolean {
  return text.includes('@') || /:\/\/(?!(\[[\da-f:.]*\]|[^[:/?#]*)(:\d*)?(\/[^?#]*)?$)/i.test(text);
}
