// SPDX-License-Identifier: GPL-3.0-or-later
/** The kinds of settings. Each kind pairs the check of a value with the text that describes it. */
import { type Rate, rateText, readRate } from '../core/limits/rate.ts';
import { Secret } from '../core/secret.ts';

/** A setting: the help, the documentation and every mistake about it are made from this entry. */
export type Setting<Value = unknown, Variable extends string = string> = {
  /** The name of its environment variable. */
  variable: Variable;
  kind: 'number' | 'boolean' | 'text' | 'list' | 'choice';
  /** As written in the environment; undefined when the setting is absent, or a list empty, by default. */
  default: string | undefined;
  /** What is allowed, in a phrase that follows "must be"; for a list, what each item must be. */
  allowed: string;
  /** What the setting does, in one or two sentences. */
  help: string;
  /** Explains a mistake in a secret, or a common one in an item of a list. Never repeats a part of it: it may be secret. */
  explain?: ((item: string) => string | undefined) | undefined;
  /** A secret is never printed, and `<variable>_FILE` may name a file that holds it. */
  secret: boolean;
  /** The file that `<variable>_FILE` names may be absent, which leaves the setting unset. */
  fileMayBeAbsent?: boolean;
  /** The value while the variable is unset. */
  unset: Value;
  read(text: string): Reading<Value>;
  /** The value as `firstcome config` prints it. */
  show(value: Value): string;
};

/** A checked value, or the texts that are not allowed: the wrong items of a list, otherwise the whole text. */
export type Reading<Value> = { value: Value } | { wrong: string[] };

/** What every entry contains. */
type About<Variable extends string> = { variable: Variable; help: string };
type NumberBounds = { min: number; max: number; unit?: 'milliseconds' | 'bytes' };
type Format = { isValid(text: string): boolean; allowed: string };

const plain = { secret: false, show: String };
const wholeNumberForm = /^(0|[1-9]\d*)$/;

/** A whole number from `min` to `max`. Spaces, signs, leading zeros, `0x50` and `8e1` are refused. */
export function wholeNumber<const Variable extends string>(
  entry: About<Variable> & NumberBounds & { default: number },
): Setting<number, Variable> {
  const { variable, help, min, max, unit } = entry;
  const noun = unit === undefined ? 'a whole number' : `a whole number of ${unit}`;
  return {
    ...plain,
    variable,
    help,
    kind: 'number',
    default: String(entry.default),
    allowed: `${noun} from ${min} to ${max}`,
    unset: entry.default,
    read(text) {
      const value = wholeNumberForm.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? { value } : { wrong: [text] };
    },
  };
}

/** A whole number as above, or `auto`, for which the entry computes the number. */
export function wholeNumberOrAuto<const Variable extends string>(
  entry: About<Variable> & NumberBounds & { default: number; auto(): number; autoMeaning: string },
): Setting<number, Variable> {
  const number = wholeNumber(entry);
  return {
    ...number,
    kind: 'text',
    allowed: `${number.allowed}, or auto for ${entry.autoMeaning}`,
    read: (text) => (text === 'auto' ? { value: entry.auto() } : number.read(text)),
  };
}

const flags = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

/** A yes or no. */
export function flag<const Variable extends string>(
  entry: About<Variable> & { default: boolean },
): Setting<boolean, Variable> {
  return {
    ...plain,
    ...entry,
    kind: 'boolean',
    default: String(entry.default),
    allowed: 'true, false, 1 or 0',
    unset: entry.default,
    read(text) {
      const value = flags.get(text);
      return value === undefined ? { wrong: [text] } : { value };
    },
  };
}

/** A text of a format. */
export function text<const Variable extends string>(
  entry: About<Variable> & Format & { default: string },
): Setting<string, Variable> {
  const { isValid, ...described } = entry;
  return {
    ...plain,
    ...described,
    kind: 'text',
    unset: entry.default,
    read: (given) => (isValid(given) ? { value: given } : { wrong: [given] }),
  };
}

/** A text of a format that is absent unless set. */
export function optionalText<const Variable extends string>(
  entry: About<Variable> & Format,
): Setting<string | undefined, Variable> {
  return {
    ...text({ ...entry, default: '' }),
    default: undefined,
    unset: undefined,
    show: (value) => value ?? '',
  };
}

/** A number of requests in a window of time; absent unless set. */
export function rate<const Variable extends string>(
  entry: About<Variable>,
): Setting<Rate | undefined, Variable> {
  return {
    ...plain,
    ...entry,
    kind: 'text',
    default: undefined,
    allowed: 'requests/duration, such as 50/1s, 600/1m or 10000/1h, with a duration of 24h at most',
    unset: undefined,
    read(text) {
      const value = readRate(text);
      return value === undefined ? { wrong: [text] } : { value };
    },
    show: (value) => (value === undefined ? '' : rateText(value)),
  };
}

/** A text that must not be seen; absent unless set. `show` may print the harmless components of it. */
export function secret<const Variable extends string>(
  entry: About<Variable> &
    Format &
    Pick<Setting, 'fileMayBeAbsent' | 'explain'> & { show?(value: string): string },
): Setting<Secret | undefined, Variable> {
  const { isValid, show, ...described } = entry;
  return {
    ...described,
    kind: 'text',
    default: undefined,
    unset: undefined,
    secret: true,
    read: (given) => (isValid(given) ? { value: new Secret(given) } : { wrong: [given] }),
    show(value) {
      if (value === undefined) return '';
      return show === undefined ? value.toString() : show(value.reveal());
    },
  };
}

/** Texts separated by commas, each converted to the form in which it is compared; none unless set. */
export function list<const Variable extends string>(
  entry: About<Variable> & Format & Pick<Setting, 'explain'> & { convert(item: string): string },
): Setting<string[], Variable> {
  const { isValid, convert, ...described } = entry;
  return {
    ...plain,
    ...described,
    kind: 'list',
    default: undefined,
    unset: [],
    read(given) {
      const items = toItems(given);
      const wrong = items.filter((item) => !isValid(item));
      return wrong.length === 0 ? { value: items.map(convert) } : { wrong: [...new Set(wrong)] };
    },
  };
}

/** One of a few names. */
export function choice<const Variable extends string, const Choice extends string>(
  entry: About<Variable> & { default: Choice; choices: readonly Choice[] },
): Setting<Choice, Variable> {
  const { choices, ...described } = entry;
  return {
    ...plain,
    ...described,
    kind: 'choice',
    allowed: `one of ${choices.join(', ')}`,
    unset: entry.default,
    read(given) {
      const value = choices.find((one) => one === given);
      return value === undefined ? { wrong: [given] } : { value };
    },
  };
}

function toItems(given: string): string[] {
  return given
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
