// SPDX-License-Identifier: GPL-3.0-or-later
import type { TestProject } from 'vitest/node';
import { missingEngine } from './engine.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Why the tests with containers are skipped; undefined where they run. */
    missingEngine: string | undefined;
  }
}

/** Without an engine the tests are skipped. Where `CI` is set, the run ends with an error that says that no test failed. */
export default async function setup(project: TestProject): Promise<void> {
  const missing = await missingEngine();
  if (missing !== undefined) {
    process.stderr.write(`tests with containers are not run: ${missing}\n`);
    if ((process.env.CI ?? '') !== '') {
      throw new Error(`Not a failed test: the tests with containers could not be run. ${missing}`);
    }
  }
  project.provide('missingEngine', missing);
}
