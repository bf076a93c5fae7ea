// SPDX-License-Identifier: GPL-3.0-or-later
/** Finds `rabbitmq-server`: on PATH, in Debian's packages if they can be installed, or in a container. */
import { accessSync, constants, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { findProgram, type ProgramPlace } from './optional-program.ts';

/** The location of the program: PATH, or this image. */
export type RabbitMqProgram = ProgramPlace;

/** Where a node runs: its files, its name as a container, and its environment. */
export type RabbitMqNode = {
  program: RabbitMqProgram;
  folder: string;
  container: string;
  environment: Record<string, string>;
};

let found: Promise<RabbitMqProgram | undefined> | undefined;

/**
 * Whether this machine can start RabbitMQ, for `describe.skipIf(!(await hasRabbitMq()))`. Without it, it prints one line
 * why; where `CI` is set it rejects, because no test may be skipped there.
 */
export async function hasRabbitMq(): Promise<boolean> {
  return (await findRabbitMq()) !== undefined;
}

/** The program, searched once in each process. */
export function findRabbitMq(): Promise<RabbitMqProgram | undefined> {
  found ??= findProgram({
    ...{ label: 'RabbitMQ', command: 'rabbitmq-server', service: 'rabbitmq' },
    isOnPath: isRabbitMqOnPath,
  });
  return found;
}

/** Whether `rabbitmq-server` is on PATH. */
export function isRabbitMqOnPath(): boolean {
  return scriptsFolder() !== undefined;
}

/** The command line that starts a node. */
export function serverCommand(node: RabbitMqNode): [command: string, ...args: string[]] {
  const { image } = node.program;
  if (image === undefined) return [script('rabbitmq-server')];
  const { getuid = () => 0, getgid = () => 0 } = process;
  return [
    ...(['docker', 'run', '--rm', '--network', 'host', '--name', node.container] as const),
    ...['--user', `${getuid()}:${getgid()}`, '--volume', `${node.folder}:${node.folder}`],
    ...Object.entries(node.environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ...['--entrypoint', 'rabbitmq-server', image],
  ];
}

/** The command line that administers a node. */
export function controlCommand({
  program,
  container,
}: RabbitMqNode): [command: string, ...args: string[]] {
  if (program.image === undefined) return [script('rabbitmqctl')];
  return ['docker', 'exec', container, 'rabbitmqctl'];
}

function script(name: string): string {
  const folder = scriptsFolder();
  if (folder === undefined) throw new Error('rabbitmq-server is not on PATH');
  return join(folder, name);
}

/** The scripts themselves: Debian's commands on PATH run them as another user, who cannot write into the folder of a test. */
function scriptsFolder(): string | undefined {
  // Not every user has the folder of servers on PATH.
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']) {
    const file = join(folder, 'rabbitmq-server');
    try {
      accessSync(file, constants.X_OK);
      return dirname(realpathSync(file));
    } catch {
      // The next folder.
    }
  }
  return undefined;
}
