// SPDX-License-Identifier: GPL-3.0-or-later
import { isIP } from 'node:net';
import { Ajv, type ErrorObject } from 'ajv';
import { envSchema } from 'env-schema';
import { Type } from 'typebox';
import { isOrigin } from './origins.ts';
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

const schema = Type.Object(
  Object.fromEntries(
    Object.entries(settingDefinitions).map(([variable, definition]) => [
      variable,
      definition.schema,
    ]),
  ),
);

const ajv = new Ajv({
  allErrors: true,
  useDefaults: true,
  // Coercion would take " 80", "0x50" and "8e1" for a port; the texts are converted below, strictly.
  coerceTypes: false,
  formats: {
    host: isHost,
    'host-header': isHostOfUrl,
    folder: (text) => text.trim() !== '',
    workers: /^(?:[1-9]|[1-5]\d|6[0-4]|auto)$/,
    'api-key': /^[\x21-\x7e]+$/,
    origin: isOrigin,
    'collector-url': (text) =>
      /^https?:\/\/[^?#\\@\s]+(?<!\/v1\/traces\/?)$/i.test(text) && URL.canParse(text),
    'postgres-url': isPostgresUrl,
    schema: isSchemaName,
  },
});

/** Checks every variable against its schema and fills in the defaults. Mistakes are collected, never thrown. */
export function checkVariables(given: GivenVariables): CheckedVariables {
  const checked: CheckedVariables = {
    values: {} as SettingValues,
    wrong: new Set(given.unreadable),
    mistakes: [...given.mistakes],
  };
  const data: Record<string, unknown> = {};
  for (const setting of settings) {
    const text = given.texts.get(setting.variable);
    if (text !== undefined) data[setting.variable] = toTyped(setting, text);
  }
  const errors = applySchema(data, checked);
  for (const setting of settings) {
    const { variable } = setting;
    const ours = errors.filter((error) => error.instancePath.split('/')[1] === variable);
    if (ours.length === 0) continue;
    checked.wrong.add(variable);
    checked.mistakes.push(...mistakesOf(setting, ours, given));
    delete data[variable];
  }
  if (errors.length > 0) applySchema(data, checked);
  return checked;
}

/** Leaves the checked values in `checked`, or gives back what is wrong with them. */
function applySchema(data: Record<string, unknown>, checked: CheckedVariables): ErrorObject[] {
  try {
    checked.values = envSchema<SettingValues>({ schema, data, env: false, ajv });
    return [];
  } catch (error) {
    if (error instanceof Error && 'errors' in error) return error.errors as ErrorObject[];
    throw error;
  }
}

const flags = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

/** The text as the type that its schema wants; a text that has no such reading stays as it is and fails the schema. */
function toTyped({ kind }: Setting, text: string): unknown {
  if (kind === 'number') return /^(0|[1-9]\d*)$/.test(text) ? Number(text) : text;
  if (kind === 'boolean') return flags.get(text) ?? text;
  if (kind === 'list') return toItems(text);
  return text;
}

function toItems(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function mistakesOf(setting: Setting, errors: ErrorObject[], given: GivenVariables): string[] {
  const { variable, allowed } = setting;
  const text = given.texts.get(variable) ?? '';
  if (setting.secret) {
    const from = given.sources.get(variable) === 'file' ? ` (read from ${variable}_FILE)` : '';
    return [`${variable}${from} must be ${allowed}, but is not; its value is kept hidden`];
  }
  if (setting.kind !== 'list') return [`${variable} must be ${allowed}, but is ${quoted(text)}`];
  const items = toItems(text);
  const wrong = errors.map((error) => items[Number(error.instancePath.split('/')[2])] ?? '');
  const mistakes = wrong.map((item) => {
    const reason = setting.whyNot?.(item);
    const found = `${variable}: each item must be ${allowed}, but one is ${quoted(item, text)}`;
    return reason === undefined ? found : `${found}: ${reason}`;
  });
  return [...new Set(mistakes)];
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

function isHost(text: string): boolean {
  return isIP(text) !== 0 || (/^[\p{L}\p{N}._-]+$/u.test(text) && URL.canParse(`http://${text}`));
}

/** As above, but an IPv6 address may stand in brackets, as in a header, and may not name a network interface. */
function isHostOfUrl(text: string): boolean {
  // Elsewhere such a dot means all names below; here it would match nothing.
  if (text.startsWith('.')) return false;
  return isHost(text.replace(/^\[(.+)\]$/, '$1')) && URL.canParse(`http://${inBrackets(text)}`);
}

/** An IPv6 address as it must be written in a URL; any other host as it is. */
export function inBrackets(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}

/** Whether a schema may be named so by a setting: what SQL reads as the same name with and without quotes. */
export function isSchemaName(text: string): boolean {
  return /^(?!pg_|information_schema$)[a-z_][a-z0-9_]{0,62}$/.test(text);
}

/**
 * An `@` behind the host is that of a password with a `/`, `?` or `#`, whose beginning would be taken for the port and
 * told. With a path before it, one in the query belongs there.
 */
function isPostgresUrl(text: string): boolean {
  if (!/^postgres(ql)?:\/\//.test(text) || !URL.canParse(text)) return false;
  const { pathname, search, hash } = new URL(text);
  return !`${pathname}${pathname === '' ? search : ''}${hash}`.includes('@');
}
