// SPDX-License-Identifier: GPL-3.0-or-later
/** The text files of the repository as the tidy rules see them. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { lineAt, type ScannedSource, scanTypeScript } from './source-scanner.ts';

/** A file under its path from the root of the repository, with forward slashes. */
export type TidyFile = { path: string; text: string };

/** What a rule finds: `path:line: what is wrong`. */
export type Finding = string;

const skippedFolders = new Set(['node_modules', 'dist', '.git', '.firstcome', 'coverage']);
// In a worktree of git, `.git` is a file with the path of the repository.
const skippedFiles = /^\.(?:env|git)$|\.(?:tsbuildinfo|cpuprofile|log)$/;
const fileBytesMax = 5_000_000;

/** Every text file below `root`, in order of path. Walks the disk, so it works without git too. */
export function readTidyFiles(root: string, folder = ''): TidyFile[] {
  const files: TidyFile[] = [];
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory() && !skippedFolders.has(entry.name)) {
      files.push(...readTidyFiles(root, path));
    } else if (entry.isFile() && !skippedFiles.test(entry.name)) {
      const text = readText(join(root, path));
      if (text !== undefined) files.push({ path, text });
    }
  }
  return files;
}

function readText(path: string): string | undefined {
  try {
    if (statSync(path).size > fileBytesMax) return undefined;
    const text = readFileSync(path, 'utf8');
    return text.includes('\0') ? undefined : text;
  } catch {
    // Another process may remove a file after it was listed.
    return undefined;
  }
}

/** Whether the file is TypeScript below `src` that is shipped, not a test. */
export function isShipped(file: TidyFile): boolean {
  return isSource(file) && !/\.test\.tsx?$/.test(file.path);
}

/** Whether the file is TypeScript below `src`, tests included. */
export function isSource({ path }: TidyFile): boolean {
  return /^src\/.*\.tsx?$/.test(path) && !isBuildFile(path);
}

/** Whether it says how a part is built, and is no part itself. */
function isBuildFile(path: string): boolean {
  return path.endsWith('/vite.config.ts');
}

/** A finding at an offset of the file's text. */
export function findingAt(file: TidyFile, offset: number, message: string): Finding {
  return `${file.path}:${lineAt(file.text, offset)}: ${message}`;
}

/**
 * Returns a finding for each match of `pattern` in `text`, which must be as long as the file's own text. Skips a match
 * for which `message` returns undefined.
 */
export function findAll(
  file: TidyFile,
  text: string,
  pattern: RegExp,
  message: (match: RegExpMatchArray) => string | undefined,
): Finding[] {
  return [...text.matchAll(pattern)].flatMap((match) => {
    const text = message(match);
    return text === undefined ? [] : [findingAt(file, match.index, text)];
  });
}

const scans = new WeakMap<TidyFile, ScannedSource>();

/** Splits a file into code, literals and comments; once for all rules. */
export function scanned(file: TidyFile): ScannedSource {
  let scan = scans.get(file);
  if (scan === undefined) {
    scan = scanTypeScript(file.text, { hasMarkup: file.path.endsWith('.tsx') });
    scans.set(file, scan);
  }
  return scan;
}
