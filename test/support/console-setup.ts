// SPDX-License-Identifier: GPL-3.0-or-later
/** What the tests of the console share: a service with its page, a browser, and a session of each role. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { adminKey, claimKey, viewerKey } from './access-keys.ts';
import { hasChromium, startChromiumServer } from './chromium-program.ts';
import { logIn } from './console-session.ts';
import { freePort } from './free-port.ts';
import { participantSecret, startParticipant, writeSagasFile } from './participants.ts';
import { endServiceProcesses, patience, startServiceProcess } from './service-process.ts';
import { createTestDatabase } from './test-database.ts';

/** Where tests leave pictures of what they saw. Git ignores it. */
export const screenshotFolder = join(import.meta.dirname, '../../screenshots');

/** The keys of that service. */
export const consoleKeys = {
  ...{ ADMIN_API_KEY: adminKey, CLAIM_API_KEY: claimKey, VIEWER_API_KEY: viewerKey },
};

/** Where they are. */
export type SharedConsole = {
  /** The service, without a path. */
  url: string;
  /** The URL of its database. */
  databaseUrl: string;
  /** The address of the browser for `chromium.connect`. */
  browser: string;
  /** Origins of other pages on this machine, on which nothing listens yet: one in `CORS_ORIGINS`, and one that is not. */
  otherOrigins: Record<'invited' | 'unknown', string>;
  /** The cookies of a session by role, as `name=value`. */
  cookies: Record<'operator' | 'viewer', string>;
};

declare module 'vitest' {
  export interface ProvidedContext {
    /** Undefined without a browser. */
    sharedConsole: SharedConsole | undefined;
  }
}

/**
 * Starts them for a project of tests, if this machine has the browser. The service has the saga `checkout`, whose last step does
 * not succeed: it goes on until its claim is undone.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (!(await hasChromium())) {
    project.provide('sharedConsole', undefined);
    return async () => undefined;
  }
  const database = await createTestDatabase(project.getProvidedContext().postgresUrl);
  const [invited, unknown] = [await otherOrigin(), await otherOrigin()];
  const participant = await startParticipant(({ name }) =>
    name === 'capture run' ? 'fails' : 'does',
  );
  const sagas = await writeSagasFile(participant, { step: { backoff_ms: 500 } });
  const service = await startServiceProcess({
    ...{ ...patience, ...consoleKeys, DATABASE_URL: database.url, CORS_ORIGINS: invited },
    ...{ ...participantSecret, SAGAS_FILE: sagas.path },
  });
  const browser = await startChromiumServer();
  const [operator, viewer] = [
    await logIn(adminKey, service.url),
    await logIn(viewerKey, service.url),
  ];
  project.provide('sharedConsole', {
    ...{ url: service.url, databaseUrl: database.url, browser: browser.wsEndpoint() },
    otherOrigins: { invited, unknown },
    cookies: { operator, viewer },
  });
  return async () => {
    if (existsSync(screenshotFolder)) {
      process.stdout.write(`\npictures of the console: ${screenshotFolder}\n`);
    }
    await browser.close();
    await endServiceProcesses();
    await participant.stop();
    await sagas.remove();
    await database.drop();
  };
}

const otherOrigin = async () => `http://127.0.0.1:${await freePort()}`;
