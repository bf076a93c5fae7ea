// SPDX-License-Identifier: GPL-3.0-or-later

const healthPaths = new Set(['/health', '/api/health', '/readyz', '/livez']);

/** Whether this is the path of a health route, without a query. */
export function isHealthPath(path: string | undefined): boolean {
  return path !== undefined && healthPaths.has(path);
}
