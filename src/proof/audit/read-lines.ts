// SPDX-License-Identifier: GPL-3.0-or-later
import { createReadStream } from 'node:fs';

/** A line of a file; `whole` is false for a last line that no newline ends. */
export type Line = { number: number; text: string; whole: boolean };

const chunkBytes = 1 << 20;

/** Hands each line to `take`, counted from 1, without holding more of the file than a piece. Empty lines are left out. */
export async function readLines(file: string, take: (line: Line) => void): Promise<void> {
  let number = 0;
  let rest = '';
  const stream = createReadStream(file, { encoding: 'utf8', highWaterMark: chunkBytes });
  for await (const chunk of stream) {
    const texts = (rest + chunk).split('\n');
    rest = texts.pop() ?? '';
    for (const text of texts) {
      number += 1;
      if (text !== '') take({ number, text, whole: true });
    }
  }
  if (rest !== '') take({ number: number + 1, text: rest, whole: false });
}

/** A line that is no JSON object, or not the one that belongs there; or a file that cannot be used at all. */
export class RecordingError extends Error {
  override readonly name = 'RecordingError';
}

/** Throws what is wrong with the file as a `RecordingError` that names it; a bug of ours as it is. */
export function throwNaming(file: string): (error: unknown) => never {
  return (error) => {
    const { code, syscall, message } = error as NodeJS.ErrnoException;
    const isOfFile = code !== undefined && syscall !== undefined;
    if (!isOfFile && !(error instanceof RecordingError || error instanceof SyntaxError))
      throw error;
    throw new RecordingError(`${file}: ${message}`, { cause: error });
  };
}

/** The object of a line; throws a `RecordingError` that names the line. */
export function parseObject({ number, text }: Line): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new RecordingError(`line ${number}: is not JSON`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RecordingError(`line ${number}: is not a JSON object`);
  }
  return value as Record<string, unknown>;
}

/** Whether a last line was cut off in the middle, as by the end of the recording process. */
export function isCutOff(line: Line): boolean {
  if (line.whole) return false;
  try {
    JSON.parse(line.text);
    return false;
  } catch {
    return true;
  }
}
