// SPDX-License-Identifier: GPL-3.0-or-later
/** The client against the OpenAPI, and its size in a browser. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { operations, pages, streams } from '../src/client/operations.ts';

const root = join(import.meta.dirname, '..');
const gzippedBytesMax = 6000;

type Operation = {
  operationId: string;
  parameters?: { name: string }[];
  responses: Record<string, { content?: Record<string, { schema: { $ref?: string } }> }>;
};
type OpenApi = {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, { properties: object }> };
};

const { paths, components }: OpenApi = JSON.parse(readFileSync(join(root, 'openapi.json'), 'utf8'));
const described = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
);

describe('the client', () => {
  it('has each operation of the API, with its method, its path and whether it has a key', () => {
    const own = ['claimCoupon', 'claimBatch'];
    const expected = described
      .filter(({ operation }) => !own.includes(operation.operationId))
      .map(({ method, path, operation }) => {
        const { operationId, parameters = [] } = operation;
        const isKeyed = parameters.some(({ name }) => name === 'idempotency-key');
        const template = path.replace(/\{name\}(?=\/claims)/, '{coupon_name}');
        return [operationId, `${method.toUpperCase()} ${template}${isKeyed ? ' key' : ''}`];
      });
    const { exportClaims: _, ...followed } = streams;
    const actual = Object.entries({ ...operations, ...followed }).map(([name, text]) => [
      name,
      text.replace(/ (?:id|health)$/, ''),
    ]);
    expect(actual.sort()).toEqual(expected.sort());
  });

  it('iterates over every list with pages', () => {
    const lists = described.flatMap(({ operation }) => {
      const schema = operation.responses[200]?.content?.['application/json']?.schema;
      const name = schema?.$ref?.split('/').at(-1) ?? '';
      const members = Object.keys(components.schemas[name]?.properties ?? {});
      return members.includes('next_cursor') ? [`${operation.operationId} ${members[0]}`] : [];
    });
    expect(Object.values(pages).sort()).toEqual(lists.sort());
  });

  it('stays below 6 KB in a browser, without what sends batches', async () => {
    // The bundler of tsx.
    const { build } = createRequire(createRequire(import.meta.url).resolve('tsx'))('esbuild');
    const { outputFiles } = await build({
      ...{ entryPoints: [join(root, 'src/client.ts')], absWorkingDir: root, write: false },
      ...{ bundle: true, minify: true, format: 'esm', target: 'es2022' },
      external: ['./claim-batches.ts'],
    });
    const { text, contents } = outputFiles[0];
    expect(text).toContain('claim-batches');
    // A strict Content-Security-Policy forbids these.
    expect(text).not.toMatch(/\beval\b|new Function/);
    expect(gzipSync(contents, { level: 9 }).length).toBeLessThan(gzippedBytesMax);
  });
});
