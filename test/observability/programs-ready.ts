// SPDX-License-Identifier: GPL-3.0-or-later
import type { TestProject } from 'vitest/node';
import { findPrograms } from './programs.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Why the programs cannot be had; empty when they are there. */
    missingPrograms: string;
  }
}

/**
 * Looks for the programs once, before any test. Without them the tests are skipped; where `CI` is set the run ends with
 * an error instead, which is told apart from a failed test.
 */
export default async function setup(project: TestProject): Promise<void> {
  const missing = (await findPrograms())?.missing ?? '';
  if (missing !== '') process.stderr.write(`observability tests are not run: ${missing}\n`);
  if (missing !== '' && (process.env.CI ?? '') !== '') {
    throw new Error(`Not a failed test: the observability tests could not be run. ${missing}`);
  }
  project.provide('missingPrograms', missing);
}
