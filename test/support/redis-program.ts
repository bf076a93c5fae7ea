// SPDX-License-Identifier: GPL-3.0-or-later
/** Finds `redis-server`: on PATH, in Debian's packages if they can be installed, or in a container. */
import { spawnSync } from 'node:child_process';
import { findProgram, type ProgramPlace } from './optional-program.ts';

/** The location of the program: PATH, or this image. */
export type RedisProgram = ProgramPlace;

let found: Promise<RedisProgram | undefined> | undefined;

/**
 * Whether this machine can start Redis servers, for `describe.skipIf(!(await hasRedis()))`. Without them it prints one line
 * why; where `CI` is set it rejects, because no test may be skipped there.
 */
export async function hasRedis(): Promise<boolean> {
  return (await findRedis()) !== undefined;
}

/** The program, searched once in each process. */
export function findRedis(): Promise<RedisProgram | undefined> {
  found ??= findProgram({
    ...{ label: 'Redis', command: 'redis-server', service: 'redis' },
    isOnPath: isRedisOnPath,
  });
  return found;
}

/** The command line that runs the program with files in this folder, as a container of this name if it needs one. */
export function redisCommand(
  { image }: RedisProgram,
  { folder, name }: { folder: string; name: string },
): [command: string, ...args: string[]] {
  if (image === undefined) return ['redis-server'];
  const { getuid = () => 0, getgid = () => 0 } = process;
  return [
    ...(['docker', 'run', '--rm', '--network', 'host', '--name', name] as const),
    ...['--user', `${getuid()}:${getgid()}`, '--volume', `${folder}:${folder}`],
    ...['--entrypoint', 'redis-server', image],
  ];
}

/** Whether `redis-server` is on PATH. */
export function isRedisOnPath(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0;
}
