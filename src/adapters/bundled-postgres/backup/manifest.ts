// SPDX-License-Identifier: GPL-3.0-or-later
import { BundledPostgresError } from '../bundled-postgres-error.ts';
import type { FolderContent } from './folder-content.ts';

/** The tables in a backup: their schema, and the migrations that were applied to them. */
export type Installation = { schema: string; migrations: string[] };

/** The first entry of a backup: what made it, and every file in it. */
export type Manifest = Installation &
  FolderContent & {
    kind: 'firstcome backup';
    /** The form of the backup. A change that older releases cannot restore gets the next number. */
    format: number;
    /** The release of firstcome that made it. */
    firstcome: string;
    createdAt: string;
    /** Such as `linux-x64`. Files of PostgreSQL belong to one platform. */
    platform: string;
    postgres: { version: string; major: number };
    /** The size of all files before compression. */
    bytes: number;
  };

/** The entry of the archive that holds the manifest. It is the first one. */
export const manifestName = 'manifest.json';

/** The form that this release writes and reads. */
export const formatVersion = 1;

/** The platform of this process. */
export const ownPlatform = `${process.platform}-${process.arch}`;

/** Reads the text of a manifest; undefined when it is not one. */
export function parseManifest(text: string): Manifest | undefined {
  try {
    const manifest: Manifest = JSON.parse(text);
    return manifest.kind === 'firstcome backup' ? manifest : undefined;
  } catch {
    return undefined;
  }
}

/** Throws unless this release, on this machine, can use the files of the backup. */
export function assertRestorable(
  manifest: Manifest,
  here: { file: string; version: string; major: number; migrations: readonly string[] },
): void {
  const { firstcome, platform, postgres, migrations } = manifest;
  const refuse = (why: string, advice: string): never => {
    throw new BundledPostgresError(`${here.file} cannot be restored here: ${why}\n${advice}`);
  };
  if (manifest.format !== formatVersion) {
    refuse(`it has the format ${manifest.format}.`, `Restore it with firstcome ${firstcome}.`);
  }
  if (platform !== ownPlatform) {
    refuse(
      `it is from ${platform}, and this is ${ownPlatform}.`,
      `Restore it on ${platform}. To change the platform, run firstcome copy there.`,
    );
  }
  if (postgres.major !== here.major) {
    refuse(
      `it is from PostgreSQL ${postgres.major}, and the bundled one is ${here.version}.`,
      `Restore it with firstcome ${firstcome}. To change the version, run firstcome copy there.`,
    );
  }
  const unknown = migrations.filter((name) => !here.migrations.includes(name));
  if (unknown.length > 0) {
    refuse(
      `it has the migration ${unknown[0]}, which this release does not know.`,
      `Restore it with firstcome ${firstcome} or later.`,
    );
  }
}
