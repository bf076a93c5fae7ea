// SPDX-License-Identifier: GPL-3.0-or-later
/** Where `prometheus` and `promtool` are: on PATH, or installed from Debian's packages where that is possible. */
import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

const triesMax = 3;
const pauseMs = 5000;
const installMsMax = 180_000;

/** Why the suite cannot run: one line for whoever reads the output. */
export type Missing = { missing: string };

/** Finds the programs, or tries to install them. Says why when they cannot be had; never rejects. */
export async function findPrograms(): Promise<Missing | undefined> {
  if (await areThere()) return undefined;
  if (process.getuid?.() !== 0 || !(await answers('apt-get', ['--version']))) {
    return { missing: 'prometheus and promtool are not on PATH, and only root may install them' };
  }
  let reason = '';
  for (let attempt = 1; attempt <= triesMax; attempt += 1) {
    try {
      await install();
      if (await areThere()) return undefined;
      reason = 'the package did not bring both programs';
    } catch (error) {
      reason = error instanceof Error ? (error.message.trim().split('\n').at(-1) ?? '') : '';
    }
    if (attempt < triesMax) await delay(pauseMs);
  }
  return { missing: `prometheus could not be installed in ${triesMax} tries: ${reason}` };
}

async function areThere(): Promise<boolean> {
  const found = await Promise.all([
    answers('prometheus', ['--version']),
    answers('promtool', ['--version']),
  ]);
  return found.every(Boolean);
}

function answers(command: string, args: string[]): Promise<boolean> {
  return run(command, args).then(
    () => true,
    () => false,
  );
}

/**
 * Only the programs are wanted. The package would start a service: Debian asks this file first, and 101 means no. Where
 * there is one already, it stays as it is.
 */
const servicePolicy = '/usr/sbin/policy-rc.d';

async function install(): Promise<void> {
  const options = {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    timeout: installMsMax,
  };
  const isOurs = await writeFile(servicePolicy, '#!/bin/sh\nexit 101\n', {
    ...{ flag: 'wx', mode: 0o755 },
  }).then(
    () => true,
    () => false,
  );
  try {
    await run('apt-get', ['update'], options);
    await run('apt-get', ['install', '-y', '--no-install-recommends', 'prometheus'], options);
    await run('systemctl', ['disable', 'prometheus']).catch(() => undefined);
  } finally {
    if (isOurs) await rm(servicePolicy, { force: true });
  }
}
