// SPDX-License-Identifier: GPL-3.0-or-later
/** Finds `chromium`: on PATH, or in Debian's packages if they can be installed. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserServer, chromium } from 'playwright-core';
import { findProgram } from './optional-program.ts';

/**
 * Whether this machine has the browser, for `describe.skipIf(!(await hasChromium()))`. Without it, it prints one line why;
 * where `CI` is set it rejects, because no test may be skipped there.
 */
export async function hasChromium(): Promise<boolean> {
  const program = { label: 'Chromium', command: 'chromium', service: 'chromium' };
  const place = await findProgram({ ...program, isOnPath: () => fileOnPath() !== undefined });
  return place !== undefined;
}

/** Starts the browser, with a profile of its own. It connects to nothing but what its pages ask for. */
export function startChromium(): Promise<Browser> {
  return chromium.launch(launchOptions());
}

/** Starts it for several processes or threads, which reach it by `chromium.connect`. */
export function startChromiumServer(): Promise<BrowserServer> {
  return chromium.launchServer({ ...launchOptions(), host: '127.0.0.1' });
}

function launchOptions() {
  const executablePath = fileOnPath();
  if (executablePath === undefined) throw new Error('hasChromium() is false: start no browser');
  return {
    executablePath,
    args: [
      ...['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      ...['--disable-background-networking', '--disable-component-update'],
    ],
  };
}

function fileOnPath(): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'chromium'))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
