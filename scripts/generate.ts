// SPDX-License-Identifier: GPL-3.0-or-later
/** Writes every generated file whose content changed, and prints its path. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { generatedFiles } from './generated-files.ts';

const root = join(import.meta.dirname, '..');

for (const file of generatedFiles) {
  const path = join(root, file.path);
  const content = await file.content();
  if (content === currentContent(path)) continue;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  process.stdout.write(`wrote ${file.path}\n`);
}

function currentContent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
