// SPDX-License-Identifier: GPL-3.0-or-later
import { readSmallFile } from './small-file.ts';

// Far above any key or URL.
const bytesMax = 65_536;

/** The secret in a file: its text without one trailing newline, which editors and `echo` add. */
export function readSecretText(path: string): { text: string; readableByOthers: boolean } {
  const { text, readableByOthers } = readSmallFile(path, bytesMax);
  return { text: text.replace(/\r?\n$/, ''), readableByOthers };
}
