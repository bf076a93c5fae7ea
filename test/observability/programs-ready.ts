// SPDX-License-Identifier: GPL-3.0-or-later
import type { TestProject } from 'vitest/node';
import { type Found, findPrograms, type Missing } from './programs.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The location of the programs, or why they are missing. */
    programs: Found | Missing;
  }
}

/**
 * Finds the programs once, before any test. Without them the tests are skipped; where `CI` is set, the run ends with an
 * error that says that no test failed.
 */
export default async function setup(project: TestProject): Promise<void> {
  const programs = await findPrograms();
  if ('missing' in programs) {
    process.stderr.write(`observability tests are not run: ${programs.missing}\n`);
    if ((process.env.CI ?? '') !== '') {
      throw new Error(
        `Not a failed test: the observability tests could not be run. ${programs.missing}`,
      );
    }
  }
  project.provide('programs', programs);
}
