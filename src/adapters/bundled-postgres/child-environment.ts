// SPDX-License-Identifier: GPL-3.0-or-later

/** A fixed environment for child processes: variables such as PGOPTIONS or PGDATA must not change the server. */
export function childEnvironment(): Record<string, string> {
  const { PATH = '/usr/bin:/bin' } = process.env;
  return { PATH, LC_ALL: 'C', TZ: 'UTC' };
}
