// SPDX-License-Identifier: GPL-3.0-or-later
/** The kinds of setting there are: each pairs the schema that checks a value with the words that describe it. */
import { type TSchema, Type } from 'typebox';

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

/** A setting together with its JSON Schema; `Value` is what a checked value of it has become. */
export type SettingDefinition<Value> = SettingDescription & {
  schema: TSchema;
  /** Never present: carries the type of the value from the table to the values read. */
  value?: Value;
};

type About = { group: SettingGroup; help: string };
type NumberBounds = { min: number; max: number; unit?: SettingUnit };

const plain = { unit: undefined, secret: false } as const;

/** A whole number from `min` to `max`. */
export function wholeNumber(
  about: About & NumberBounds & { default: number },
): SettingDefinition<number> {
  const { group, help, min, max, unit } = about;
  const noun = unit === undefined ? 'a whole number' : `a whole number of ${unit}`;
  return {
    ...plain,
    ...{ group, help, unit, kind: 'number', default: String(about.default) },
    allowed: `${noun} from ${min} to ${max}`,
    schema: Type.Integer({ minimum: min, maximum: max, default: about.default }),
  };
}

/** A whole number that follows another setting while it is unset; `usually` is what that comes to by default. */
export function followingNumber(
  about: About & NumberBounds & { usually: number },
): SettingDefinition<number | undefined> {
  const { min, max } = about;
  const schema = Type.Optional(Type.Integer({ minimum: min, maximum: max }));
  return { ...wholeNumber({ ...about, default: about.usually }), schema };
}

/** A yes or no. */
export function flag(about: About & { default: boolean }): SettingDefinition<boolean> {
  return {
    ...plain,
    ...about,
    kind: 'boolean',
    default: String(about.default),
    allowed: 'true, false, 1 or 0',
    schema: Type.Boolean({ default: about.default }),
  };
}

/** A text of one of the formats that the reader of settings knows. */
export function text(
  about: About & { default: string; format: string; allowed: string },
): SettingDefinition<string> {
  const { format, ...described } = about;
  return {
    ...plain,
    ...described,
    kind: 'text',
    schema: Type.String({ format, minLength: 1, default: about.default }),
  };
}

/** A text of one of those formats that is absent unless set. */
export function optionalText(
  about: About & { format: string; allowed: string },
): SettingDefinition<string | undefined> {
  const { format, ...described } = about;
  return {
    ...plain,
    ...described,
    ...{ kind: 'text', default: undefined },
    schema: Type.Optional(Type.String({ format })),
  };
}

/** A text that must not be seen; absent unless set. */
export function secret(
  about: About & { format: string; allowed: string },
): SettingDefinition<string | undefined> {
  const { format, ...described } = about;
  return {
    ...described,
    ...{ kind: 'text', default: undefined, unit: undefined, secret: true },
    schema: Type.Optional(Type.String({ format })),
  };
}

/** Texts parted by commas; none unless set. */
export function list(
  about: About & Pick<SettingDescription, 'whyNot'> & { format: string; allowed: string },
): SettingDefinition<string[]> {
  const { format, ...described } = about;
  return {
    ...plain,
    ...described,
    ...{ kind: 'list', default: undefined },
    schema: Type.Array(Type.String({ format }), { default: [] }),
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
    schema: Type.Enum([...choices], { default: about.default }),
  };
}
