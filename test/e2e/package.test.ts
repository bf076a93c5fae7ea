// SPDX-License-Identifier: GPL-3.0-or-later
/** What the package holds. `package-installed.test.ts` installs it. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Packed, packInto } from '../support/npm-package.ts';

const root = join(import.meta.dirname, '../..');
const packedBytesMax = 1_000_000;
const unpackedBytesMax = 3_600_000;
// The page of the console and its assets, compressed by gzip: what a browser loads that opens every view.
const consoleBytesMax = 90_000;

let folder: string;
let packed: Packed;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firstcome-package-'));
  packed = await packInto(folder);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the package', () => {
  const shipped = [
    /^(?:package\.json|README\.md|LICENSE|CHANGELOG\.md|openapi\.json|docs\/(?:client|embedding)\.md|examples\/embed\.mjs)$/,
    /^examples\/client-[a-z]+\/[a-z]+\.(?:mjs|js|html)$/,
    /^dist\/.*\.js$/,
    /^dist\/(?:adapters|proof)\/[a-z0-9_/-]+\.sql$/,
    /^dist\/console\/(?:index\.html|alarms\.(?:html|css)|licences\.md|assets\/[a-z0-9-]+-[\w-]{8}\.(?:js|css|svg))$/i,
    /^dist\/(?:library|entrypoints\/library\/[a-z-]+|core\/.*|client|client\/[a-z-]+)\.d\.ts$/,
  ];

  it('holds the compiled source, its SQL and its documents, and nothing else', async () => {
    const paths = packed.files.map(({ path }) => path);
    expect(paths.filter((path) => !shipped.some((pattern) => pattern.test(path)))).toEqual([]);
    const source = (await readdir(join(root, 'src'), { recursive: true }))
      .filter((path) => /\.(?:ts|sql)$/.test(path) && !path.endsWith('.test.ts'))
      .filter((path) => !path.startsWith('console/'))
      .map((path) => `dist/${path.replace(/\.ts$/, '.js')}`);
    const compiled = paths.filter((path) => /^dist\/(?!console\/).*\.(?:js|sql)$/.test(path));
    expect(compiled.sort()).toEqual(source.sort());
  });

  it('has the console, with the licences of its packages, in 90 KB of compressed files', async () => {
    const names = packed.files
      .map(({ path }) => path)
      // The page does not load the sections of the runbook: they open in a tab of their own.
      .filter((path) => /^dist\/console\/(?!alarms\.)/.test(path));
    const contents = await Promise.all(names.map((name) => readFile(join(root, name))));
    const isLoaded = (name: string) => /\/(?:index\.html|assets\/.*)$/.test(name);
    const sizes = contents.map((content, index) =>
      isLoaded(names[index] ?? '') ? gzipSync(content, { level: 9 }).length : 0,
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(consoleBytesMax);
    const licences = String(contents[names.indexOf('dist/console/licences.md')]);
    const bundled = [...licences.matchAll(/^## (\S+) - .* \(MIT\)$/gm)].map(([, name]) => name);
    expect(bundled).toContain('preact');
    const script = String(contents[names.findIndex((name) => name.endsWith('.js'))]);
    expect(script).not.toContain('sourceMappingURL');
  });

  it('stays below its size limits', () => {
    expect(packed.size).toBeLessThan(packedBytesMax);
    expect(packed.unpackedSize).toBeLessThan(unpackedBytesMax);
  });
});
