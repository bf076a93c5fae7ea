// SPDX-License-Identifier: GPL-3.0-or-later
import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const installMsMax = 180_000;

/**
 * Prevents a package from starting its service: Debian runs this file first, and exit code 101 means no. An existing file
 * stays unchanged.
 */
const servicePolicy = '/usr/sbin/policy-rc.d';

/** Why this process cannot install packages of Debian, in a few words. Undefined when it can. */
export async function whyNoPackages(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'only root installs packages';
  return run('apt-get', ['--version']).then(
    () => undefined,
    () => 'there is no apt-get',
  );
}

/** Installs packages of Debian without starting their services. Rejects with the output of apt-get. */
export async function installPackages(...packages: string[]): Promise<void> {
  const options = {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    timeout: installMsMax,
  };
  // Waits for another running installation.
  const lockTimeout = ['-o', 'DPkg::Lock::Timeout=120'];
  const isOurs = await writeFile(servicePolicy, '#!/bin/sh\nexit 101\n', {
    ...{ flag: 'wx', mode: 0o755 },
  }).then(
    () => true,
    () => false,
  );
  try {
    await run('apt-get', ['update', ...lockTimeout], options);
    const words = ['install', '-y', '--no-install-recommends', ...lockTimeout, ...packages];
    await run('apt-get', words, options);
  } finally {
    if (isOurs) await rm(servicePolicy, { force: true });
  }
}
