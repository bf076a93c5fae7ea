// SPDX-License-Identifier: GPL-3.0-or-later
/** The files of the built console, in memory. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const compress = {
  br: (content: Buffer) =>
    // The highest quality takes 30 times as much CPU time, in each process, and saves a twelfth.
    promisify(brotliCompress)(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
  gzip: (content: Buffer) => promisify(gzip)(content, { level: 9 }),
};

/** How a file can be encoded, the better one first. */
export const encodings: readonly Encoding[] = ['br', 'gzip'];

/** One of `encodings`. */
export type Encoding = keyof typeof compress;

/** A file of the console. */
export type ConsoleFile = {
  type: string;
  content: Buffer;
  /** A weak one, since it is that of all encodings. */
  etag: string;
  /** The encoded content. The first call computes it, outside the event loop. */
  encoded(encoding: Encoding): Promise<Buffer>;
};

/** The page, and all other files by their path below the folder, such as `assets/index-Ab12.js`. */
export type ConsoleFiles = { page: ConsoleFile; others: ReadonlyMap<string, ConsoleFile> };

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.md': 'text/markdown; charset=utf-8',
};

const pageName = 'index.html';

/** Reads a built console; undefined where the folder has none. Files of unknown types and links are left out. */
export function readConsoleFiles(folder: string): ConsoleFiles | undefined {
  const files = new Map<string, ConsoleFile>();
  for (const path of pathsIn(folder)) {
    const type = types[extname(path)];
    if (type === undefined) continue;
    const name = relative(folder, path).replaceAll(sep, '/');
    files.set(name, consoleFile(type, readFileSync(path)));
  }
  const page = files.get(pageName);
  files.delete(pageName);
  return page && { page, others: files };
}

function pathsIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function consoleFile(type: string, content: Buffer): ConsoleFile {
  const known = new Map<Encoding, Promise<Buffer>>();
  return {
    ...{ type, content },
    etag: `W/"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`,
    encoded(encoding) {
      const result = known.get(encoding) ?? compress[encoding](content);
      known.set(encoding, result);
      return result;
    },
  };
}
