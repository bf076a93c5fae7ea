// SPDX-License-Identifier: GPL-3.0-or-later
/** The file of a backup: a tar archive, compressed by gzip. Its first entry is the manifest. */
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants, createGunzip, createGzip } from 'node:zlib';
import { Header, Pack, Parser, Unpack } from 'tar';
import { syncToDisk } from '../data-folder.ts';
import { type Manifest, manifestName, parseManifest } from './manifest.ts';

/** The folder of DATA_DIR that a backup holds. */
export const clusterFolder = 'postgres';

const blockBytes = 512;
// A database of a terabyte has some thousand files, each with 200 bytes in the manifest.
const manifestBytesMax = 64 * 2 ** 20;

/** An archive that is cut off, altered, or no backup. */
export class DamagedArchiveError extends Error {
  override readonly name = 'DamagedArchiveError';
}

/** Writes the archive of the cluster in `dataDir` to a new file, and waits until it is on disk. */
export async function writeArchive(
  file: string,
  { manifest, dataDir, signal }: { manifest: Manifest; dataDir: string; signal: AbortSignal },
): Promise<void> {
  const pack = new Pack({
    ...{ cwd: dataDir, portable: true, noDirRecurse: true, strict: true },
    linkCache: new NoLinks(),
    // The folder itself may be a link to another disk. There are no links below it.
    follow: true,
  });
  pack.add(clusterFolder);
  for (const path of manifest.folders) pack.add(join(clusterFolder, path));
  for (const { path } of manifest.files) pack.add(join(clusterFolder, path));
  pack.end();
  // A higher level takes several times as long and saves a few percent.
  const gzip = createGzip({ level: constants.Z_BEST_SPEED });
  pack.on('error', (error) => gzip.destroy(error as Error));
  gzip.write(manifestEntry(manifest));
  pack.pipe(gzip);
  await pipeline(gzip, createWriteStream(file, { flags: 'wx', mode: 0o600 }), { signal });
  await syncToDisk(file);
}

/** Makes the archive hold a file with several names once for each name, since a restore takes no links. */
class NoLinks extends Map<`${number}:${number}`, string> {
  override set(): this {
    return this;
  }
}

/** The bytes of the entry with the manifest. */
function manifestEntry(manifest: Manifest): Buffer {
  const text = Buffer.from(`${JSON.stringify(manifest, undefined, 1)}\n`);
  const header = new Header({ path: manifestName, type: 'File', mode: 0o600, size: text.length });
  header.encode();
  const padding = Buffer.alloc((blockBytes - (text.length % blockBytes)) % blockBytes);
  return Buffer.concat([header.block ?? Buffer.alloc(0), text, padding]);
}

/** Reads only the manifest. Throws a `DamagedArchiveError` when the file does not begin with one. */
export async function readManifest(file: string): Promise<Manifest> {
  const stopped = new AbortController();
  let manifest: Manifest | undefined;
  const parser = new Parser({
    strict: true,
    onReadEntry(entry) {
      if (entry.path !== manifestName || entry.size > manifestBytesMax) {
        stopped.abort();
        return;
      }
      const chunks: Buffer[] = [];
      entry.on('data', (chunk) => chunks.push(chunk));
      entry.on('end', () => {
        manifest = parseManifest(Buffer.concat(chunks).toString('utf8'));
        stopped.abort();
      });
    },
  });
  await feed(file, parser, stopped.signal).catch((error) => {
    if (!stopped.signal.aborted) throw error;
  });
  if (manifest !== undefined) return manifest;
  throw new DamagedArchiveError('it does not begin with the manifest of a backup');
}

/**
 * Unpacks the archive into a folder, for this user alone. Takes files and folders only, and none outside of the
 * folder. Throws a `DamagedArchiveError` when it finds anything else, or when the archive is cut off.
 */
export async function unpackArchive(
  file: string,
  { folder, signal }: { folder: string; signal: AbortSignal },
): Promise<void> {
  let refused: string | undefined;
  const unpack = new Unpack({
    cwd: folder,
    strict: true,
    preserveOwner: false,
    filter(path, entry) {
      const isFolder = 'type' in entry && entry.type === 'Directory';
      if (!isFolder && !('type' in entry && entry.type === 'File')) {
        refused ??= path;
        return false;
      }
      entry.mode = isFolder ? 0o700 : 0o600;
      return true;
    },
  });
  await feed(file, unpack, signal);
  if (refused !== undefined) {
    throw new DamagedArchiveError(`${refused} is not a file or a folder`);
  }
}

/** Sends the content of the file to a parser and waits for its end. */
async function feed(file: string, parser: Parser, signal: AbortSignal): Promise<void> {
  const source = createReadStream(file);
  const gunzip = createGunzip();
  const over = new AbortController();
  try {
    await new Promise<void>((resolve, reject) => {
      const damaged = (error: Error & { code?: string }) =>
        reject(isSystemError(error) ? error : new DamagedArchiveError(error.message));
      const aborted = () => reject(signal.reason);
      if (signal.aborted) aborted();
      signal.addEventListener('abort', aborted, { signal: over.signal });
      source.on('error', reject);
      gunzip.on('error', damaged);
      parser.on('error', damaged);
      parser.on('close', resolve);
      source.pipe(gunzip).on('data', (chunk: Buffer) => {
        if (parser.write(chunk)) return;
        gunzip.pause();
        parser.once('drain', () => gunzip.resume());
      });
      gunzip.on('end', () => parser.end());
    });
  } finally {
    over.abort();
    source.destroy();
    gunzip.destroy();
  }
}

/** Whether the operating system refused an operation, as on a full disk. */
function isSystemError(error: { code?: string }): boolean {
  return /^E[A-Z]+$/.test(error.code ?? '');
}
