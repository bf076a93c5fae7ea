// SPDX-License-Identifier: GPL-3.0-or-later
import { createReadStream } from 'node:fs';
import { type FileUse, fileProblem } from '../file-problem.ts';

/** A line of a file; `whole` is false for a last line without a newline. */
export type Line = { number: number; text: string; whole: boolean };

const chunkBytes = 1 << 20;

/** Calls `take` for each line, counted from 1, with one chunk of the file in memory. Skips empty lines. */
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

/** A line that is invalid or out of place, or a file that cannot be read. */
export class RecordingError extends Error {
  override readonly name = 'RecordingError';
}

/** Adds the file's name to an error of the file or of its content. Rethrows any other error, since it is a bug. */
export function throwNaming(file: string, use: FileUse = 'read'): (error: unknown) => never {
  return (error) => {
    const { code, syscall, message } = error as NodeJS.ErrnoException;
    const isOfFile = code !== undefined && syscall !== undefined;
    if (!isOfFile && !(error instanceof RecordingError || error instanceof SyntaxError))
      throw error;
    const problem = isOfFile ? fileProblem(error as NodeJS.ErrnoException, use) : message;
    throw new RecordingError(`${file}: ${problem}`, { cause: error });
  };
}

/** The object of a line. Throws a `RecordingError` that names the line. */
export function parseObject({ number, text }: Line): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new RecordingError(`line ${number} is not JSON`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RecordingError(`line ${number} is not a JSON object`);
  }
  return value as Record<string, unknown>;
}

/** Whether a last line is cut off, as when the recording process was killed. */
export function isCutOff(line: Line): boolean {
  if (line.whole) return false;
  try {
    JSON.parse(line.text);
    return false;
  } catch {
    return true;
  }
}
