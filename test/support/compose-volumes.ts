// SPDX-License-Identifier: GPL-3.0-or-later
/** The volumes with passwords of the compose files, as folders, and the configuration of a node that mounts them. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { type Config, loadConfig } from '../../src/config.ts';
import type { ComposeProject } from './compose-files.ts';
import { envOf, lastStage } from './dockerfile.ts';

const root = join(import.meta.dirname, '../..');
const passwordScript = join(root, 'deploy/compose/write-password.mjs');
const imageEnv = envOf(lastStage(readFileSync(join(root, 'Dockerfile'), 'utf8')));

/** The servers that have a password in a volume. */
export type PasswordServer = (typeof passwordServers)[number];

const passwordServers = ['postgres', 'patroni', 'redis', 'rabbitmq'] as const;

let parent: string;

/** Gives each test of a file empty volumes. */
export function useComposeVolumes(): void {
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'firstcome-compose-'));
    for (const server of passwordServers) mkdirSync(volumeOf(server));
  });
  afterEach(() => {
    rmSync(parent, { recursive: true, force: true });
  });
}

/** The folder that stands for the volume with the password of a server. */
export const volumeOf = (server: PasswordServer) => join(parent, server);

/** Writes the password of a server as its container does. */
export function writePassword(server: PasswordServer): void {
  execFileSync(process.execPath, [passwordScript, server, volumeOf(server)]);
}

/** Loads the configuration of a node, with the folders in place of its volumes. */
export function configOfNode(project: ComposeProject, node: string): Config {
  passwordServers.forEach(writePassword);
  const environment = Object.entries(project.services[node]?.environment ?? {}).map(
    ([name, value]): [string, string] => [
      name,
      value
        .replace('/run/firstcome/', `${volumeOf('postgres')}/`)
        .replace('/run/patroni/', `${volumeOf('patroni')}/`)
        .replace('/run/redis/', `${volumeOf('redis')}/`)
        .replace('/run/rabbitmq/', `${volumeOf('rabbitmq')}/`),
    ],
  );
  return loadConfig({ ...imageEnv, ...Object.fromEntries(environment) });
}
