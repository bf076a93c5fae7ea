// SPDX-License-Identifier: GPL-3.0-or-later
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler';
import type { FastifySerializerCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { builtOnce } from './built-once.ts';
import { sharedSchemas } from './shared.ts';

const byId = sharedSchemas.map((schema) => [(schema as { $id?: string }).$id, schema] as const);
const compile = SerializerSelector()(Object.fromEntries(byId));

const serializerOf = builtOnce((schema: TSchema) =>
  compile({ schema, method: '', url: '', httpStatus: '' }),
);

/** Fastify's compiler of response schemas. All servers of the process share what it has built. */
export const serializerCompiler: FastifySerializerCompiler<TSchema> = ({ schema }) =>
  serializerOf(schema);
