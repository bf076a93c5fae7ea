// SPDX-License-Identifier: GPL-3.0-or-later
/** Finds `prometheus` and `promtool`: on PATH, in Debian's packages if they can be installed, or in a container. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { installPackages, whyNoPackages } from '../support/debian-packages.ts';
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
  const reason = await whyNoPackages();
  if (reason !== undefined) return { missing: reason };
  const onPath: Found = { image: undefined };
  return retry('the package could not be installed', async () => {
    await installPackages('prometheus');
    await run('systemctl', ['disable', 'prometheus']).catch(() => undefined);
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
