// SPDX-License-Identifier: GPL-3.0-or-later
/** The programs of other projects that the cluster runs. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ClusterError } from './cluster-error.ts';

/** The paths of the programs. */
export type Programs = { haproxy: string; redisServer: string };

// A user who is not root often has no `sbin` on the path, where Debian installs haproxy.
const furtherFolders = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'];

/** Finds the programs on the path. Throws a `ClusterError` that says how to install those that are missing. */
export function findPrograms(path = process.env.PATH ?? '', further = furtherFolders): Programs {
  const folders = [...path.split(delimiter), ...further].filter((folder) => folder !== '');
  const find = (name: string) =>
    folders.map((folder) => join(folder, name)).find((file) => existsSync(file)) ?? '';
  const [haproxy, redisServer] = [find('haproxy'), find('redis-server')];
  const packages = [
    ...(haproxy === '' ? [{ program: 'haproxy', name: 'haproxy', brew: 'haproxy' }] : []),
    ...(redisServer === ''
      ? [{ program: 'redis-server', name: 'redis-server', brew: 'redis' }]
      : []),
  ];
  if (packages.length > 0) throw new ClusterError(howToInstall(packages));
  return { haproxy, redisServer };
}

function howToInstall(packages: { program: string; name: string; brew: string }[]): string {
  const listed = (key: 'name' | 'brew') => packages.map((one) => one[key]).join(' ');
  const missing = packages.map(({ program }) => program).join(' and ');
  return [
    `${missing} ${packages.length === 1 ? 'is' : 'are'} not installed. Install and try again:`,
    `  Debian, Ubuntu   apt-get install ${listed('name')}`,
    `  macOS            brew install ${listed('brew')}`,
    'Debian also starts a service of its own for each, which the cluster does not use.',
  ].join('\n');
}
