// SPDX-License-Identifier: GPL-3.0-or-later
import { type Static, type TSchema, Type } from 'typebox';

/** A reference to a shared schema, with its type. It has a name of its own in clients that are generated from OpenAPI. */
export function ref<Schema extends TSchema & { $id?: string }>(
  schema: Schema,
  options: { description?: string } = {},
) {
  return Type.Unsafe<Static<Schema>>({ $ref: `${schema.$id}#`, ...options });
}
