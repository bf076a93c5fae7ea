// SPDX-License-Identifier: GPL-3.0-or-later
/** Log lines for people who read them on a terminal. */
import { inLines } from '../core/lines.ts';
import { quotedText, shownText } from '../core/shown-text.ts';

const columnsMax = 80;
const warnLevel = 40;
const errorLevel = 50;
const valueLengthMax = 200;
// The same in every line, or shown elsewhere in the line.
const hiddenFields = new Set(['level', 'time', 'service', 'msg', 'err']);

const levelNames: Record<number, string> = {
  [warnLevel]: 'WARN',
  [errorLevel]: 'ERROR',
  60: 'FATAL',
};

/**
 * Converts a JSON line: the time, the level if it is a warning or worse, the message and the fields. A long line is
 * wrapped, and the stack of an error follows it.
 */
export function toHumanLine(json: string): string {
  const line = JSON.parse(json) as Record<string, unknown> & { level: number; time: number };
  const { err } = line as { err?: { message?: unknown; stack?: unknown } };
  const fields = Object.entries(line).filter(([name]) => !hiddenFields.has(name));
  const ofError = line.reason === undefined ? 'reason' : 'error';
  if (err?.message !== undefined) fields.push([ofError, err.message]);
  const text = [
    levelNames[line.level],
    shownText(String(line.msg ?? '')),
    ...fields.map(([name, value]) => `${shownText(name)}=${shown(value)}`),
  ];
  const stack = line.level >= errorLevel && typeof err?.stack === 'string' ? err.stack : undefined;
  const below = stack === undefined ? [] : stack.split('\n').map((row) => `  ${shownText(row)}`);
  const time = `${timeOfDay(line.time)} `;
  const indent = ' '.repeat(time.length);
  const wrapped = inLines(text.filter(Boolean).join(' '), columnsMax, indent).trimStart();
  return `${[time + wrapped, ...below].join('\n')}\n`;
}

function timeOfDay(ms: number): string {
  const date = new Date(ms);
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((number) => String(number).padStart(2, '0'))
    .join(':');
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.map(shown).join(', ');
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const cut = text.length > valueLengthMax ? `${text.slice(0, valueLengthMax)}…` : text;
  return /^[\w./:@%+-]+$/.test(cut) || typeof value !== 'string' ? shownText(cut) : quotedText(cut);
}
