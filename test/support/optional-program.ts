// SPDX-License-Identifier: GPL-3.0-or-later
/** Finds a server that tests need: on PATH, in Debian's packages if they can be installed, or in a container. */
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { installPackages, whyNoPackages } from './debian-packages.ts';

const run = promisify(execFile);
const pullMsMax = 180_000;

/** A server that tests need. */
export type OptionalProgram = {
  /** The name for people, such as "Redis". */
  label: string;
  /** The name of the command and of Debian's package. */
  command: string;
  /** The service of compose.yaml that has its image. */
  service: string;
  isOnPath(): boolean;
};

/** The location of a program: PATH, or this image. */
export type ProgramPlace = { image: string | undefined };

/**
 * Finds a program. Without it, prints one line why and returns undefined; where `CI` is set it rejects, because no test may be
 * skipped there.
 */
export async function findProgram(program: OptionalProgram): Promise<ProgramPlace | undefined> {
  const reasons: string[] = [];
  for (const find of [onPath, installed, inContainer]) {
    try {
      return await find(program);
    } catch (error) {
      reasons.push((error as Error).message.trim().split('\n').at(-1) ?? '');
    }
  }
  const message = `Tests with ${program.label} are not run: ${reasons.join('; ')}`;
  if ((process.env.CI ?? '') !== '') throw new Error(message);
  process.stderr.write(`${message}\n`);
  return undefined;
}

async function onPath({ command, isOnPath }: OptionalProgram): Promise<ProgramPlace> {
  if (isOnPath()) return { image: undefined };
  throw new Error(`${command} is not on PATH`);
}

async function installed(program: OptionalProgram): Promise<ProgramPlace> {
  const reason = await whyNoPackages();
  if (reason !== undefined) throw new Error(reason);
  await installPackages(program.command);
  return onPath(program);
}

/** Pulls the image that compose.yaml runs. It needs the network of the host, which only Linux has. */
async function inContainer({ label, service }: OptionalProgram): Promise<ProgramPlace> {
  if (process.platform !== 'linux' || spawnSync('docker', ['version']).status !== 0) {
    throw new Error('there is no container engine');
  }
  const compose = readFileSync(join(import.meta.dirname, '../../compose.yaml'), 'utf8');
  const { services } = parse(compose) as { services: Record<string, { image?: string }> };
  const { image } = services[service] ?? {};
  if (image === undefined) throw new Error(`compose.yaml has no image of ${label}`);
  await run('docker', ['pull', '--quiet', image], { timeout: pullMsMax });
  return { image };
}
