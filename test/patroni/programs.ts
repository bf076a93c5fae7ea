// SPDX-License-Identifier: GPL-3.0-or-later
/** Finds Patroni, etcd and PostgreSQL: on this machine, or in Debian's packages if they can be installed. */
import { execFileSync, spawnSync } from 'node:child_process';
import { installPackages, whyNoPackages } from '../support/debian-packages.ts';
import { systemPostgresBinDir } from '../support/system-postgres.ts';

/** What runs the servers of a cluster: PostgreSQL refuses to run as root. */
export type PatroniPrograms = { postgresBinDir: string; account: { uid: number; gid: number } };

const commands = ['patroni', 'patronictl', 'etcd'];
const packages = ['patroni', 'etcd-server', 'python3-etcd', 'postgresql'];

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
    await installPackages(...packages);
  }
  const postgresBinDir = systemPostgresBinDir();
  const lacking = missing() ?? (postgresBinDir === undefined ? 'PostgreSQL' : undefined);
  if (lacking !== undefined || postgresBinDir === undefined) {
    throw new Error(`${lacking} is missing`);
  }
  const idOf = (flag: string) =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { postgresBinDir, account: { uid: idOf('-u'), gid: idOf('-g') } };
}

function missing(): string | undefined {
  return commands.find((command) => spawnSync('which', [command]).status !== 0);
}
