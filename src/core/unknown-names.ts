// SPDX-License-Identifier: GPL-3.0-or-later
import type { FieldError } from './errors.ts';
import { nearestName } from './nearest-name.ts';

/** The names that a caller gave, and those that are known. */
export type GivenNames = {
  /** The field in an error about all the names, such as `body`. */
  place: string;
  noun: 'member' | 'query parameter';
  known: readonly string[];
  given: readonly string[];
  /** What to do instead of giving some unknown names that callers are likely to give. */
  instead?: Readonly<Record<string, string>> | undefined;
};

// A body can contain thousands of names, or very long ones.
const namedMax = 8;
const shownLengthMax = 64;

/** One error for each unknown name; after the first few only their number. */
export function unknownNames(names: GivenNames): FieldError[] {
  const unknown = names.given.filter((name) => !names.known.includes(name));
  const errors = unknown.slice(0, namedMax).map((name) => aboutUnknown(name, names));
  if (unknown.length <= namedMax) return errors;
  const more = `has ${unknown.length - namedMax} more unknown ${names.noun}s`;
  return [...errors, { field: names.place, message: more }];
}

/** A name from a caller, shortened for a message. */
export function shownName(name: string): string {
  if (name.length <= shownLengthMax) return name;
  const characters = [...name];
  if (characters.length <= shownLengthMax) return name;
  return `${characters.slice(0, shownLengthMax).join('')}…`;
}

function aboutUnknown(name: string, { place, noun, known, instead }: GivenNames) {
  if (name === '') return { field: place, message: `must not have a ${noun} with an empty name` };
  const field = shownName(name);
  const advice = instead !== undefined && Object.hasOwn(instead, name) ? instead[name] : undefined;
  if (advice !== undefined) return { field, message: advice };
  const nearest = nearestName(name, known);
  const takes = `this call takes ${known.length === 0 ? 'none' : known.join(', ')}`;
  const hint = nearest === undefined ? takes : `did you mean \`${nearest}\`?`;
  const what = noun === 'member' ? 'unknown' : `an unknown ${noun}`;
  return { field, message: `is ${what}; ${hint}` };
}
