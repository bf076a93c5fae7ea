// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { BundledPostgresError } from '../bundled-postgres-error.ts';
import { syncToDisk } from '../data-folder.ts';

/** A file with its checksum. */
export type FileEntry = { path: string; bytes: number; sha256: string };

/** Everything below a folder, in order of path. Paths are relative to the folder. */
export type FolderContent = { folders: string[]; files: FileEntry[] };

/**
 * Reads every file below a folder. With `sync` it also waits until files and folders are on disk. Rejects when the
 * folder holds anything but files and folders, or when `signal` aborts.
 */
export async function readFolder(
  folder: string,
  { sync, signal }: { sync: boolean; signal: AbortSignal },
): Promise<FolderContent> {
  const folders: string[] = [];
  const files: FileEntry[] = [];
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  for (const entry of entries) {
    signal.throwIfAborted();
    const path = join(entry.parentPath, entry.name);
    const name = relative(folder, path);
    if (entry.isFile()) files.push({ path: name, ...(await readOne(path, sync)) });
    else if (entry.isDirectory()) folders.push(name);
    else {
      throw new BundledPostgresError(
        `${path} is not a file or a folder. A backup cannot hold links, such as those of tablespaces. Move what it leads to into its place, or run firstcome copy.`,
      );
    }
  }
  if (sync) for (const name of ['', ...folders]) await syncToDisk(join(folder, name));
  const byPath = (a: { path: string }, b: { path: string }) => (a.path < b.path ? -1 : 1);
  return { folders: folders.sort(), files: files.sort(byPath) };
}

/** Names a path in which two contents differ; undefined if they are equal. */
export function findDifference(wanted: FolderContent, found: FolderContent): string | undefined {
  const lines = ({ folders, files }: FolderContent) => [
    ...folders.map((path) => ({ path, line: path })),
    ...files.map(({ path, bytes, sha256 }) => ({ path, line: `${path} ${bytes} ${sha256}` })),
  ];
  const [wantedLines, foundLines] = [lines(wanted), lines(found)];
  const [inWanted, inFound] = [wantedLines, foundLines].map(
    (all) => new Set(all.map(({ line }) => line)),
  );
  const missing = wantedLines.find(({ line }) => !inFound?.has(line));
  const extra = foundLines.find(({ line }) => !inWanted?.has(line));
  return (missing ?? extra)?.path;
}

async function readOne(path: string, sync: boolean): Promise<Omit<FileEntry, 'path'>> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  if (sync) await syncToDisk(path);
  return { bytes, sha256: hash.digest('hex') };
}
