// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { referredSchemas } from './referred-schemas.ts';

const idsIn = (schema: object) => referredSchemas(Type.Unsafe(schema)).map(({ $id }) => $id);

describe('the shared schemas that a schema refers to', () => {
  it('are found at any depth, also through other schemas', () => {
    expect(idsIn({ properties: { list: { items: { $ref: 'ClaimPage#' } } } })).toEqual(
      expect.arrayContaining(['ClaimPage', 'Claim', 'ClaimState']),
    );
  });

  it('are listed once, and no others', () => {
    expect(idsIn({ anyOf: [{ $ref: 'Liveness#' }, { $ref: 'Liveness#' }] })).toEqual(['Liveness']);
    expect(idsIn({ type: 'string', description: 'Liveness#' })).toEqual([]);
    expect(idsIn({ $ref: '#/properties/own' })).toEqual([]);
  });
});
