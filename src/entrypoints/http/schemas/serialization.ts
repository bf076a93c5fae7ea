// SPDX-License-Identifier: GPL-3.0-or-later
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler';
import type { FastifySerializerCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { builtOnce } from './built-once.ts';
import { referredSchemas } from './referred-schemas.ts';

const compilerWith = SerializerSelector();

const serializerOf = builtOnce((schema: TSchema) => {
  const referred = referredSchemas(schema).map((shared) => [shared.$id, shared] as const);
  const compile = compilerWith(Object.fromEntries(referred));
  return compile({ schema, method: '', url: '', httpStatus: '' });
});

/** Fastify's compiler of response schemas. All servers of the process share what it has built. */
export const serializerCompiler: FastifySerializerCompiler<TSchema> = ({ schema }) =>
  serializerOf(schema);
