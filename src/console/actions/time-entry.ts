// SPDX-License-Identifier: GPL-3.0-or-later
/** What stands in a field for a time. */
import { momentsOf, toLocalText } from './local-time.ts';

/** A local time as it was typed, and which moment is meant where it is known. */
export type TimeEntry = {
  /** As `datetime-local` has it. Empty: no limit. */
  text: string;
  /** The moment that is meant: the stored one before a change, or the one of two that was chosen. */
  chosenMs?: number;
  /** Some parts of the time are missing. Its text is empty then. */
  isIncomplete?: boolean;
};

/** What an entry means: a moment, null for no limit, or why it is neither. */
export type EnteredTime = number | null | 'incomplete' | 'skipped';

/** The entry of a stored time. */
export function entryOf(time: string | null, zone: string): TimeEntry {
  if (time === null) return { text: '' };
  const chosenMs = Date.parse(time);
  return { text: toLocalText(chosenMs, zone), chosenMs };
}

/** What an entry means. Of two moments it is the first, unless the other one was chosen. */
export function enteredTime(
  { text, chosenMs, isIncomplete }: TimeEntry,
  zone: string,
): EnteredTime {
  if (isIncomplete) return 'incomplete';
  if (text === '') return null;
  return chosenMs ?? momentsOf(text, zone)[0] ?? 'skipped';
}

/** What is wrong with an entry. */
export function entryError(entered: EnteredTime): string | undefined {
  if (entered === 'incomplete') return 'Complete the date and the time, or clear the field.';
  if (entered === 'skipped') return 'This time does not exist: clocks are set forward over it.';
  return undefined;
}

/** An entry as the service takes it; undefined where it means nothing, or what is stored already. */
export function changedTime(
  entered: EnteredTime,
  stored: string | null,
): string | null | undefined {
  if (typeof entered === 'string') return undefined;
  if (entered === null) return stored === null ? undefined : null;
  if (stored !== null && Date.parse(stored) === entered) return undefined;
  return new Date(entered).toISOString();
}
