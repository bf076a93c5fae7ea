// SPDX-License-Identifier: GPL-3.0-or-later

const healthPaths = new Set(['/health', '/api/health', '/readyz', '/livez']);

/** Whether this is the path of a health route, without a query. */
export function isHealthPath(path: string | undefined): boolean {
  return path !== undefined && healthPaths.has(path);
}

/** Whether this URL, with or without a query, is that of a health check or of the metrics. */
export function isMonitoringUrl(url: string): boolean {
  const [path = url] = url.split('?', 1);
  return isHealthPath(path) || path === '/metrics';
}
