// SPDX-License-Identifier: GPL-3.0-or-later
/** Where `prometheus` and `promtool` come from: PATH, Debian's packages where they can be installed, or a container. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { parse } from 'yaml';

const run = promisify(execFile);

const triesMax = 3;
const pauseMs = 5000;
const installMsMax = 180_000;
const answerMsMax = 10_000;

/** Both programs. */
export type Program = 'prometheus' | 'promtool';

/** Where the programs are: on PATH, or in this image. */
export type Found = { image: string | undefined };

/** Why the suite cannot run: one line for whoever reads the output. */
export type Missing = { missing: string };

/** Finds the programs, or tries to install them. Says why when they cannot be had; never rejects. */
export async function findPrograms(): Promise<Found | Missing> {
  const onPath: Found = { image: undefined };
  if (await areThere(onPath)) return onPath;
  const reasons = ['prometheus and promtool are not on PATH'];
  for (const wayTo of [installed, inContainer]) {
    const answer = await wayTo();
    if (!('missing' in answer)) return answer;
    reasons.push(answer.missing);
  }
  return { missing: reasons.join('; ') };
}

/** The words that run a program, which may read and write the folder. */
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

/** Debian's packages, which only root installs. */
async function installed(): Promise<Found | Missing> {
  if (process.getuid?.() !== 0) return { missing: 'only root installs packages' };
  if (!(await answers('apt-get', ['--version']))) return { missing: 'there is no apt-get' };
  const onPath: Found = { image: undefined };
  return tryOften('the package could not be installed', async () => {
    await install();
    if (await areThere(onPath)) return onPath;
    throw new Error('the package does not bring both programs');
  });
}

/** The image that compose.yaml runs. Its network is that of this machine, which is so on Linux alone. */
async function inContainer(): Promise<Found | Missing> {
  const isThere = process.platform === 'linux' && (await answers('docker', ['version']));
  if (!isThere) return { missing: 'there is no container engine' };
  const compose = readFileSync(join(import.meta.dirname, '../../compose.yaml'), 'utf8');
  const { services } = parse(compose) as { services: { prometheus: { image: string } } };
  const { image } = services.prometheus;
  return tryOften(`${image} could not be had`, async () => {
    await run('docker', ['pull', '--quiet', image], { timeout: installMsMax });
    if (await areThere({ image })) return { image };
    throw new Error('its programs do not run');
  });
}

async function tryOften(what: string, tryOnce: () => Promise<Found>): Promise<Found | Missing> {
  let reason = '';
  for (let attempt = 1; attempt <= triesMax; attempt += 1) {
    try {
      return await tryOnce();
    } catch (error) {
      reason = (error as Error).message.trim().split('\n').at(-1) ?? '';
    }
    if (attempt < triesMax) await delay(pauseMs);
  }
  return { missing: `${what} in ${triesMax} tries: ${reason}` };
}

async function areThere(found: Found): Promise<boolean> {
  const programs: Program[] = ['prometheus', 'promtool'];
  const there = await Promise.all(
    programs.map((program) => {
      const [command, ...before] = commandOf(found, program, import.meta.dirname);
      return answers(command, [...before, '--version']);
    }),
  );
  return there.every(Boolean);
}

function answers(command: string, args: string[]): Promise<boolean> {
  return run(command, args, { timeout: answerMsMax }).then(
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
  // Another installation that goes on is waited for.
  const patience = ['-o', 'DPkg::Lock::Timeout=60'];
  const isOurs = await writeFile(servicePolicy, '#!/bin/sh\nexit 101\n', {
    ...{ flag: 'wx', mode: 0o755 },
  }).then(
    () => true,
    () => false,
  );
  try {
    await run('apt-get', ['update', ...patience], options);
    const packages = ['--no-install-recommends', 'prometheus'];
    await run('apt-get', ['install', '-y', ...patience, ...packages], options);
    await run('systemctl', ['disable', 'prometheus']).catch(() => undefined);
  } finally {
    if (isOurs) await rm(servicePolicy, { force: true });
  }
}
