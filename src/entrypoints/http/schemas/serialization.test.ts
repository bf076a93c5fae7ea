// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { serializerCompiler } from './serialization.ts';
import { sharedSchemas } from './shared.ts';

const route = { method: 'GET', url: '/', httpStatus: '200' };

describe('the serializer of a response', () => {
  it('writes the fields of a shared schema and no others', () => {
    const serialize = serializerCompiler({ ...route, schema: Type.Unsafe({ $ref: 'Liveness#' }) });
    expect(serialize({ status: 'alive', secret: 1 })).toBe('{"status":"alive"}');
  });

  it('is one for all routes with the same schema, and another for another schema', () => {
    const [first, again, other] = [{ $ref: 'Problem#' }, { $ref: 'Problem#' }, { $ref: 'Health#' }]
      .map((schema) => Type.Unsafe(schema))
      .map((schema) => serializerCompiler({ ...route, schema }));
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  it('leaves the shared schemas as they are', () => {
    const before = JSON.stringify(sharedSchemas);
    serializerCompiler({ ...route, schema: Type.Unsafe({ $ref: 'Webhook#', title: 'another' }) });
    expect(JSON.stringify(sharedSchemas)).toBe(before);
  });
});
