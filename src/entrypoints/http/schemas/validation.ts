// SPDX-License-Identifier: GPL-3.0-or-later
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import type { FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { AppError, detailOf, type FieldError } from '../../../core/errors.ts';
import { builtOnce } from './built-once.ts';
import { referredSchemas } from './referred-schemas.ts';

const strict = builtOnce(compilerOf({ coerceTypes: false }));
const loose = builtOnce(compilerOf({ coerceTypes: 'array' }));

/**
 * Converts no types in bodies. Paths, queries and headers are text, so their values are converted to their types; a query
 * parameter that may be repeated and is not becomes a list of one value. All servers of the process share what it has
 * built.
 */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) =>
  (httpPart === 'body' ? strict : loose)(schema);

/** The fault for fields that are not valid. */
export function invalidRequest(fields: FieldError[]): AppError {
  return new AppError('invalid_request', { detail: detailOf(fields), fields });
}

function compilerOf(options: { coerceTypes: false | 'array' }) {
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
  return (schema: TSchema) => {
    for (const shared of referredSchemas(schema)) {
      if (!(shared.$id in ajv.schemas)) ajv.addSchema(shared);
    }
    return ajv.compile(schema);
  };
}
