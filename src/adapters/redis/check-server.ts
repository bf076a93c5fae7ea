// SPDX-License-Identifier: GPL-3.0-or-later

const oldest = [6, 2] as const;

/** Why a server cannot be used, by its answer to INFO; undefined when it can. */
export function whyUnusable(info: string): string | undefined {
  const fields = new Map(
    info.split('\r\n').map((line) => line.split(/:(.*)/s).slice(0, 2) as [string, string]),
  );
  const [, major = '0', minor = '0'] =
    /^(\d+)\.(\d+)/.exec(fields.get('redis_version') ?? '') ?? [];
  const isOld = Number(major) - oldest[0] || Number(minor) - oldest[1];
  if (isOld < 0) {
    return `the server is Redis ${major}.${minor}, and the oldest that can be used is ${oldest.join('.')}`;
  }
  if (fields.get('role') === 'slave') return 'the server is a replica, which takes no writes';
  return undefined;
}
