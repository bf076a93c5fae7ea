// SPDX-License-Identifier: GPL-3.0-or-later
/** `openapi.json` is fit for readers and for generators of clients. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { describe, expect, it } from 'vitest';

const path = join(import.meta.dirname, '../openapi.json');

// biome-ignore lint/suspicious/noExplicitAny: the tests read a document of any shape.
type Json = any;

const read = (): Json => JSON.parse(readFileSync(path, 'utf8'));

/** Every error and warning of the rules that Redocly recommends; none is switched off. */
async function problemsIn(document: Json): Promise<string[]> {
  const config = await createConfig({ extends: ['recommended'] });
  const source = JSON.stringify(document);
  const problems = await lintFromString({ source, absoluteRef: path, config });
  return problems.map(({ ruleId, message, location }) =>
    [ruleId, message, ...location.map(({ pointer }) => pointer)].join(' '),
  );
}

/** Every object in a document, with its path. */
function* objectsIn(value: Json, at = ''): Generator<{ at: string; value: Json }> {
  if (typeof value !== 'object' || value === null) return;
  yield { at, value };
  for (const [key, inner] of Object.entries(value)) yield* objectsIn(inner, `${at}/${key}`);
}

const operationsOf = (paths: Json): Json[] =>
  Object.values<Json>(paths).flatMap((methods) => Object.values<Json>(methods));

describe('openapi.json', () => {
  it('keeps every rule that Redocly recommends', async () => {
    expect(await problemsIn(read())).toEqual([]);
  });

  it('would not keep them with a call that has no summary and no error', async () => {
    const document = read();
    const call = document.paths['/api/coupons'].get;
    delete call.summary;
    call.responses = { 200: call.responses[200] };
    const rules = (await problemsIn(document)).map((problem) => problem.split(' ')[0]);
    expect(rules.sort()).toEqual(['operation-4xx-response', 'operation-summary']);
  });

  it('gives a type to each list of allowed values, without which generators take any value', () => {
    const lists = [...objectsIn(read())].filter(
      ({ at, value }) => !at.endsWith('/not') && ('enum' in value || 'const' in value),
    );
    expect(lists.length).toBeGreaterThan(20);
    expect(lists.filter(({ value }) => value.type === undefined).map(({ at }) => at)).toEqual([]);
  });

  it('names each JSON body of a response, so that generated types have names that stay', () => {
    const unnamed = operationsOf(read().paths).flatMap(({ operationId, responses }) =>
      Object.entries<Json>(responses)
        .filter(([, { content = {} }]) =>
          Object.entries<Json>(content).some(
            ([type, { schema }]) =>
              type.includes('json') && type !== 'application/x-ndjson' && !schema.$ref,
          ),
        )
        .map(([status]) => `${operationId} ${status}`),
    );
    expect(unnamed).toEqual([]);
  });

  it('has identifiers of calls and names of schemas that are names in every common language', () => {
    const { paths, webhooks, components } = read();
    const ids = [...operationsOf(paths), ...operationsOf(webhooks)].map(
      ({ operationId }) => operationId,
    );
    for (const id of ids) expect(id).toMatch(/^[a-z][A-Za-z]+$/);
    expect(new Set(ids).size).toBe(ids.length);
    for (const name of Object.keys(components.schemas)) expect(name).toMatch(/^[A-Z][A-Za-z]+$/);
  });

  it('describes the header that says when to call again wherever a call may be refused for a while', () => {
    for (const { operationId, responses } of operationsOf(read().paths)) {
      for (const status of [429, 503]) {
        if (responses[status] === undefined) continue;
        expect(Object.keys(responses[status].headers), operationId).toContain('Retry-After');
      }
    }
  });
});
