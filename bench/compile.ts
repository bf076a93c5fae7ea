// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Compiles the programs of the bench to plain JavaScript. A loader that compiles at run time would distort the figures:
 * it wraps functions and uses memory.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { CleanUp } from './clean-up.ts';

const here = import.meta.dirname;
const root = join(here, '..');
let folder: string | undefined;

/** The path of a compiled bench file, such as `targets/bare-route.ts`. The first call compiles all of them. */
export function compiled(file: string, cleanUp: CleanUp): string {
  folder ??= compileAll(cleanUp);
  return join(folder, 'bench', file.replace(/\.ts$/, '.js'));
}

function compileAll(cleanUp: CleanUp): string {
  const output = mkdtempSync(join(tmpdir(), 'firstcome-bench-programs-'));
  cleanUp.add(() => rmSync(output, { recursive: true, force: true }));
  writeFileSync(join(output, 'package.json'), '{"type":"module"}\n');
  symlinkSync(join(root, 'node_modules'), join(output, 'node_modules'), 'junction');
  // The code of the service as it was built.
  symlinkSync(join(root, 'dist'), join(output, 'src'), 'junction');
  const files = readdirSync(here, { recursive: true, encoding: 'utf8' });
  const compiler = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
  execFileSync(
    process.execPath,
    [
      join(compiler, 'bin/tsc'),
      ...files.filter((file) => file.endsWith('.ts')).map((file) => join(here, file)),
      // Without type checks, which `npm run types` does.
      ...['--ignoreConfig', '--noResolve', '--noCheck', '--module', 'nodenext'],
      ...['--target', 'es2023', '--verbatimModuleSyntax', '--rewriteRelativeImportExtensions'],
      ...['--rootDir', root, '--outDir', output],
    ],
    { stdio: 'pipe' },
  );
  return output;
}
