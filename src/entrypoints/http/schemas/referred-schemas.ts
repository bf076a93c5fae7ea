// SPDX-License-Identifier: GPL-3.0-or-later
import type { TSchema } from 'typebox';
import { sharedSchemas } from './shared.ts';

type SharedSchema = TSchema & { $id: string };

const sharedById = new Map(
  (sharedSchemas as readonly TSchema[] as readonly SharedSchema[]).map((schema) => [
    schema.$id,
    schema,
  ]),
);

/**
 * The shared schemas that a schema refers to, with those that these refer to. A compiler checks each schema that it gets,
 * and most schemas need few of the shared ones.
 */
export function referredSchemas(schema: TSchema): SharedSchema[] {
  const found = new Map<string, SharedSchema>();
  const search = (within: TSchema) => {
    for (const [, id = ''] of JSON.stringify(within).matchAll(/"\$ref":"([^"#]+)#/g)) {
      const shared = sharedById.get(id);
      if (shared === undefined || found.has(id)) continue;
      found.set(id, shared);
      search(shared);
    }
  };
  search(schema);
  return [...found.values()];
}
