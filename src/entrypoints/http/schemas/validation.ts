// SPDX-License-Identifier: GPL-3.0-or-later
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import type { FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { AppError, detailOf, type FieldError } from '../../../core/errors.ts';
import { sharedSchemas } from './shared.ts';

/**
 * Converts no types in bodies. Paths, queries and headers are text, so their values are converted to their types; a query
 * parameter that may be repeated and is not becomes a list of one value.
 */
export function validatorCompiler(): FastifySchemaCompiler<TSchema> {
  const strict = newAjv({ coerceTypes: false });
  const loose = newAjv({ coerceTypes: 'array' });
  return ({ schema, httpPart }) => (httpPart === 'body' ? strict : loose).compile(schema);
}

/** The fault for fields that are not valid. */
export function invalidRequest(fields: FieldError[]): AppError {
  return new AppError('invalid_request', { detail: detailOf(fields), fields });
}

function newAjv(options: { coerceTypes: false | 'array' }): Ajv {
  const ajv = new Ajv({
    ...options,
    // One response names every wrong field; the limit of the body bounds the work.
    allErrors: true,
    removeAdditional: false,
    useDefaults: true,
    allowUnionTypes: true,
    strict: 'log',
    logger: false,
  });
  formats.default(ajv, ['date-time', 'uuid']);
  for (const schema of sharedSchemas) ajv.addSchema(schema);
  return ajv;
}
