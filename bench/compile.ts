// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The programs of the bench as plain JavaScript. A loader that compiles at run time would be measured along with them:
 * it wraps functions and adds to the memory.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { CleanUp } from './clean-up.ts';

const here = import.meta.dirname;
const root = join(here, '..');
// What programs of the bench share with the service.
const sharedFiles = ['src/proof/drill/histogram.ts'];
let folder: string | undefined;

/** The compiled twin of a file of the bench, such as `targets/bare-route.ts`; all are compiled at the first call. */
export function compiled(file: string, cleanUp: CleanUp): string {
  folder ??= compileAll(cleanUp);
  return join(folder, 'bench', file.replace(/\.ts$/, '.js'));
}

function compileAll(cleanUp: CleanUp): string {
  const output = mkdtempSync(join(tmpdir(), 'firstcome-bench-programs-'));
  cleanUp.add(() => rmSync(output, { recursive: true, force: true }));
  writeFileSync(join(output, 'package.json'), '{"type":"module"}\n');
  symlinkSync(join(root, 'node_modules'), join(output, 'node_modules'), 'junction');
  const files = readdirSync(here, { recursive: true, encoding: 'utf8' });
  const compiler = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
  execFileSync(
    process.execPath,
    [
      join(compiler, 'bin/tsc'),
      ...files.filter((file) => file.endsWith('.ts')).map((file) => join(here, file)),
      ...sharedFiles.map((file) => join(root, file)),
      // Each file by itself: types are checked elsewhere.
      ...['--ignoreConfig', '--noResolve', '--noCheck', '--module', 'nodenext'],
      ...['--target', 'es2023', '--verbatimModuleSyntax', '--rewriteRelativeImportExtensions'],
      ...['--rootDir', root, '--outDir', output],
    ],
    { stdio: 'pipe' },
  );
  return output;
}
