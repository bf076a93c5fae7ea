// SPDX-License-Identifier: GPL-3.0-or-later
/** Finds `prometheus` and `promtool`: on PATH, in Debian's packages if they can be installed, or in a container. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { lastFor } from '../support/last-for.ts';

const run = promisify(execFile);

const triesMax = 3;
const pauseMs = 5000;
const installMsMax = 180_000;
const answerMsMax = 10_000;

/** Both programs. */
export type Program = 'prometheus' | 'promtool';

/** The location of the programs: PATH, or this image. */
export type Found = { image: string | undefined };

/** Why the suite cannot run, in one line for the output. */
export type Missing = { missing: string };

/** Finds the programs, or tries to install them. Returns the reason when that fails; never rejects. */
export async function findPrograms(): Promise<Found | Missing> {
  const onPath: Found = { image: undefined };
  if (await arePresent(onPath)) return onPath;
  const reasons = ['prometheus and promtool are not on PATH'];
  for (const find of [installed, inContainer]) {
    const answer = await find();
    if (!('missing' in answer)) return answer;
    reasons.push(answer.missing);
  }
  return { missing: reasons.join('; ') };
}

/** The command line of a program that may read and write the folder. */
export function commandOf(
  { image }: Found,
  program: Program,
  folder: string,
): [command: string, ...args: string[]] {
  if (image === undefined) return [program];
  const { getuid = () => 0, getgid = () => 0 } = process;
  return [
    ...(['docker', 'run', '--rm', '--network', 'host'] as const),
    ...['--user', `${getuid()}:${getgid()}`, '--volume', `${folder}:${folder}`],
    ...['--workdir', folder, '--entrypoint', `/bin/${program}`, image],
  ];
}

/** Installs Debian's packages, as root only. */
async function installed(): Promise<Found | Missing> {
  if (process.getuid?.() !== 0) return { missing: 'only root installs packages' };
  if (!(await answers('apt-get', ['--version']))) return { missing: 'there is no apt-get' };
  const onPath: Found = { image: undefined };
  return retry('the package could not be installed', async () => {
    await install();
    if (await arePresent(onPath)) return onPath;
    throw new Error('the package does not bring both programs');
  });
}

/** Pulls the image that compose.yaml runs. It needs the network of the host, which only Linux has. */
async function inContainer(): Promise<Found | Missing> {
  const isThere = process.platform === 'linux' && (await answers('docker', ['version']));
  if (!isThere) return { missing: 'there is no container engine' };
  const compose = readFileSync(join(import.meta.dirname, '../../compose.yaml'), 'utf8');
  const { services } = parse(compose) as { services: { prometheus: { image: string } } };
  const { image } = services.prometheus;
  return retry(`${image} is not available`, async () => {
    await run('docker', ['pull', '--quiet', image], { timeout: installMsMax });
    if (await arePresent({ image })) return { image };
    throw new Error('its programs do not run');
  });
}

async function retry(what: string, tryOnce: () => Promise<Found>): Promise<Found | Missing> {
  let reason = '';
  for (let attempt = 1; attempt <= triesMax; attempt += 1) {
    try {
      return await tryOnce();
    } catch (error) {
      reason = (error as Error).message.trim().split('\n').at(-1) ?? '';
    }
    if (attempt < triesMax) await lastFor(pauseMs);
  }
  return { missing: `${what} in ${triesMax} tries: ${reason}` };
}

async function arePresent(found: Found): Promise<boolean> {
  const programs: Program[] = ['prometheus', 'promtool'];
  const present = await Promise.all(
    programs.map((program) => {
      const [command, ...before] = commandOf(found, program, import.meta.dirname);
      return answers(command, [...before, '--version']);
    }),
  );
  return present.every(Boolean);
}

function answers(command: string, args: string[]): Promise<boolean> {
  return run(command, args, { timeout: answerMsMax }).then(
    () => true,
    () => false,
  );
}

/**
 * Prevents the package from starting its service: Debian runs this file first, and exit code 101 means no. An existing
 * file stays unchanged.
 */
const servicePolicy = '/usr/sbin/policy-rc.d';

async function install(): Promise<void> {
  const options = {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    timeout: installMsMax,
  };
  // Waits for another running installation.
  const lockTimeout = ['-o', 'DPkg::Lock::Timeout=60'];
  const isOurs = await writeFile(servicePolicy, '#!/bin/sh\nexit 101\n', {
    ...{ flag: 'wx', mode: 0o755 },
  }).then(
    () => true,
    () => false,
  );
  try {
    await run('apt-get', ['update', ...lockTimeout], options);
    const packages = ['--no-install-recommends', 'prometheus'];
    await run('apt-get', ['install', '-y', ...lockTimeout, ...packages], options);
    await run('systemctl', ['disable', 'prometheus']).catch(() => undefined);
  } finally {
    if (isOurs) await rm(servicePolicy, { force: true });
  }
}
