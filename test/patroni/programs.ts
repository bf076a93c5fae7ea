// SPDX-License-Identifier: GPL-3.0-or-later
/** Finds Patroni, etcd, PostgreSQL and HAProxy: on this machine, or in Debian's packages if they can be installed. */
import { execFileSync, spawnSync } from 'node:child_process';
import { installPackages, whyNoPackages } from '../support/debian-packages.ts';
import { findHaproxy } from '../support/haproxy.ts';
import { systemPostgresBinDir } from '../support/system-postgres.ts';

/** What runs the servers of a cluster: PostgreSQL refuses to run as root. */
export type PatroniPrograms = {
  postgresBinDir: string;
  account: { uid: number; gid: number };
  /** The path of HAProxy. */
  haproxy: string;
};

const commands = ['patroni', 'etcd'];
/** The packages of Debian 12 that bring all but HAProxy. */
export const patroniPackages = ['patroni', 'python3-etcd', 'etcd-server', 'postgresql-15'] as const;

let found: Promise<PatroniPrograms | undefined> | undefined;

/**
 * The programs, searched once in each process. Without them it prints one line why and returns undefined; where `CI` is set it
 * rejects, because no test may be skipped there.
 */
export function findPatroni(): Promise<PatroniPrograms | undefined> {
  found ??= find().catch((error: Error) => {
    const message = `Tests with Patroni are not run: ${error.message.trim().split('\n').at(-1)}`;
    if ((process.env.CI ?? '') !== '') throw new Error(message);
    process.stderr.write(`${message}\n`);
    return undefined;
  });
  return found;
}

async function find(): Promise<PatroniPrograms> {
  if (process.getuid?.() !== 0) throw new Error('only root runs servers under another account');
  if (missing() !== undefined) {
    const reason = await whyNoPackages();
    if (reason !== undefined) throw new Error(`${missing()} is missing, and ${reason}`);
    await installPackages(...patroniPackages);
  }
  const postgresBinDir = systemPostgresBinDir();
  const haproxy = findHaproxy();
  if (missing() !== undefined) throw new Error(`${missing()} is missing`);
  if (postgresBinDir === undefined) throw new Error('PostgreSQL is missing');
  if (haproxy === undefined) throw new Error('HAProxy is missing');
  const idOf = (flag: string) =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { postgresBinDir, account: { uid: idOf('-u'), gid: idOf('-g') }, haproxy };
}

function missing(): string | undefined {
  return commands.find((command) => spawnSync('which', [command]).status !== 0);
}
