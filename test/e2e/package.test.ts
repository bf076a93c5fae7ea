// SPDX-License-Identifier: GPL-3.0-or-later
/** What the package holds. `package-installed.test.ts` installs it. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Packed, packInto } from '../support/npm-package.ts';

const root = join(import.meta.dirname, '../..');
const packedBytesMax = 860_000;
const unpackedBytesMax = 3_200_000;

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
    /^dist\/(?:library|entrypoints\/library\/[a-z-]+|core\/.*|client|client\/[a-z-]+)\.d\.ts$/,
  ];

  it('holds the compiled source, its SQL and its documents, and nothing else', async () => {
    const paths = packed.files.map(({ path }) => path);
    expect(paths.filter((path) => !shipped.some((pattern) => pattern.test(path)))).toEqual([]);
    const source = (await readdir(join(root, 'src'), { recursive: true }))
      .filter((path) => /\.(?:ts|sql)$/.test(path) && !path.endsWith('.test.ts'))
      .map((path) => `dist/${path.replace(/\.ts$/, '.js')}`);
    expect(paths.filter((path) => /^dist\/.*\.(?:js|sql)$/.test(path)).sort()).toEqual(
      source.sort(),
    );
  });

  it('stays below its size limits', () => {
    expect(packed.size).toBeLessThan(packedBytesMax);
    expect(packed.unpackedSize).toBeLessThan(unpackedBytesMax);
  });
});
