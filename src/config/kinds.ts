// SPDX-License-Identifier: GPL-3.0-or-later
/** The kinds of setting there are: each pairs the check of a value with the words that describe it. */
import { type FormatName, formats } from './formats.ts';

/** The headings under which settings are listed, in the order in which they are printed. */
export const settingGroups = ['HTTP', 'Access', 'Database', 'Claims', 'Operation'] as const;

/** One of the headings. */
export type SettingGroup = (typeof settingGroups)[number];

/** The units that a number can have; undefined where it is a plain count. */
export type SettingUnit = 'milliseconds' | 'bytes' | undefined;

/** What a reader must know of a setting: the help, the documentation and every complaint about it come from here. */
export type SettingDescription = {
  group: SettingGroup;
  kind: 'number' | 'boolean' | 'text' | 'list' | 'choice';
  /** As it would be written in the environment; undefined when the setting is absent, or a list empty, by default. */
  default: string | undefined;
  unit: SettingUnit;
  /** What is allowed, in words that follow "must be"; for a list, what each item must be. */
  allowed: string;
  /** What the setting does, in one or two sentences. */
  help: string;
  /** Of a list: says more of an item that is not allowed, where that is a usual mistake. Never repeats the item. */
  whyNot?: ((item: string) => string | undefined) | undefined;
  /** A secret is never printed, and `<variable>_FILE` may name a file that holds it. */
  secret: boolean;
};

/** A checked value, or what of the text is not allowed: the wrong items of a list, else the text itself. */
export type Reading<Value> = { value: Value } | { wrong: string[] };

/** A setting together with its check. */
export type SettingDefinition<Value> = SettingDescription & {
  /** The value while the setting is unset. */
  unset: Value;
  read(text: string): Reading<Value>;
};

type About = { group: SettingGroup; help: string };
type NumberBounds = { min: number; max: number; unit?: SettingUnit };
type Formatted = { format: FormatName; allowed: string };

const plain = { unit: undefined, secret: false } as const;

/** A whole number from `min` to `max`. Spaces, signs, leading zeros, `0x50` and `8e1` are refused. */
export function wholeNumber(
  about: About & NumberBounds & { default: number },
): SettingDefinition<number> {
  const { group, help, min, max, unit } = about;
  const noun = unit === undefined ? 'a whole number' : `a whole number of ${unit}`;
  return {
    ...plain,
    ...{ group, help, unit, kind: 'number', default: String(about.default) },
    allowed: `${noun} from ${min} to ${max}`,
    unset: about.default,
    read(text) {
      const value = /^(0|[1-9]\d*)$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? { value } : { wrong: [text] };
    },
  };
}

/** A whole number that follows another setting while it is unset; `usually` is what that comes to by default. */
export function followingNumber(
  about: About & NumberBounds & { usually: number },
): SettingDefinition<number | undefined> {
  return { ...wholeNumber({ ...about, default: about.usually }), unset: undefined };
}

const flags = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

/** A yes or no. */
export function flag(about: About & { default: boolean }): SettingDefinition<boolean> {
  return {
    ...plain,
    ...about,
    kind: 'boolean',
    default: String(about.default),
    allowed: 'true, false, 1 or 0',
    unset: about.default,
    read(text) {
      const value = flags.get(text);
      return value === undefined ? { wrong: [text] } : { value };
    },
  };
}

/** A text of one of the formats. */
export function text(about: About & Formatted & { default: string }): SettingDefinition<string> {
  const { format, ...described } = about;
  return {
    ...plain,
    ...described,
    ...{ kind: 'text', unset: about.default },
    read: readerOf(format),
  };
}

/** A text of one of the formats that is absent unless set. */
export function optionalText(about: About & Formatted): SettingDefinition<string | undefined> {
  const { format, ...described } = about;
  return {
    ...plain,
    ...described,
    ...{ kind: 'text', default: undefined, unset: undefined },
    read: readerOf(format),
  };
}

/** A text that must not be seen; absent unless set. */
export function secret(about: About & Formatted): SettingDefinition<string | undefined> {
  return { ...optionalText(about), secret: true };
}

/** Texts parted by commas; none unless set. */
export function list(
  about: About & Formatted & Pick<SettingDescription, 'whyNot'>,
): SettingDefinition<string[]> {
  const { format, ...described } = about;
  return {
    ...plain,
    ...described,
    ...{ kind: 'list', default: undefined, unset: [] },
    read(text) {
      const value = toItems(text);
      const wrong = value.filter((item) => !formats[format](item));
      return wrong.length === 0 ? { value } : { wrong: [...new Set(wrong)] };
    },
  };
}

/** One of a few words. */
export function choice<const Choice extends string>(
  about: About & { default: Choice; choices: readonly Choice[] },
): SettingDefinition<Choice> {
  const { choices, ...described } = about;
  return {
    ...plain,
    ...described,
    kind: 'choice',
    allowed: `one of ${choices.join(', ')}`,
    unset: about.default,
    read(text) {
      const value = choices.find((one) => one === text);
      return value === undefined ? { wrong: [text] } : { value };
    },
  };
}

function readerOf(format: FormatName): (text: string) => Reading<string> {
  return (text) => (formats[format](text) ? { value: text } : { wrong: [text] });
}

function toItems(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
