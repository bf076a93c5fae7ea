// SPDX-License-Identifier: GPL-3.0-or-later
import { type App, startApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';

/** A service in this process, on a free port. */
export async function startService(env: Record<string, string>): Promise<App> {
  const config = loadConfig({ PORT: '0', LOG_LEVEL: 'silent', ...env });
  return startApp(config, { say: () => undefined });
}
