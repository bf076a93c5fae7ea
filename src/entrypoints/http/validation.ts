// SPDX-License-Identifier: GPL-3.0-or-later
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import type { FastifyRequest, FastifySchemaCompiler, FastifySchemaValidationError } from 'fastify';
import type { TSchema } from 'typebox';
import { AppError, type FieldError } from '../../core/errors.ts';
import { allowedIn, sharedSchemas } from './schemas.ts';

/** Bodies are taken as they are; paths, queries and headers are text and so are read as the type they stand for. */
export function validatorCompiler(): FastifySchemaCompiler<TSchema> {
  const strict = newAjv({ coerceTypes: false });
  const loose = newAjv({ coerceTypes: true });
  return ({ schema, httpPart }) => (httpPart === 'body' ? strict : loose).compile(schema);
}

/** The fault that validation would find in the parts of a request that come before its body. */
export function headFault(request: FastifyRequest): AppError | undefined {
  const { params, query, headers } = request;
  for (const [part, input] of Object.entries({ params, querystring: query, headers })) {
    const validate = request.getValidationFunction(part as 'params' | 'querystring' | 'headers');
    if (validate === undefined || validate(input)) continue;
    return toInvalidRequest(validate.errors ?? [], part, input);
  }
  return undefined;
}

/** What a failed validation tells the caller: each field once, and what is allowed in it. */
export function toInvalidRequest(
  errors: readonly FastifySchemaValidationError[],
  part: string,
  input: unknown,
): AppError {
  const fields = new Map<string, string>();
  for (const error of errors) {
    const field = fieldOf(error, part);
    fields.set(
      field,
      isMissing(input, field) ? 'is required' : (allowedIn[field] ?? 'is not valid'),
    );
  }
  return invalidRequest([...fields].map(([field, message]) => ({ field, message })));
}

/** The fault for fields that break a rule. */
export function invalidRequest(fields: FieldError[]): AppError {
  const detail = fields.map(({ field, message }) => `${field} ${message}`).join('; ');
  return new AppError('invalid_request', { detail, fields });
}

function newAjv(options: { coerceTypes: boolean }): Ajv {
  const ajv = new Ajv({
    ...options,
    // All of them, so that one answer names every field; the limit of the body bounds the work.
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

function fieldOf(error: FastifySchemaValidationError, part: string): string {
  const [, first] = error.instancePath.split('/');
  if (first !== undefined) return first === 'idempotency-key' ? 'Idempotency-Key' : first;
  const missing = error.params.missingProperty;
  return typeof missing === 'string' ? missing : part;
}

function isMissing(input: unknown, field: string): boolean {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return false;
  // A header that is empty is there.
  if (!(field in allowedIn) || field === 'body' || field === 'Idempotency-Key') return false;
  const value = (input as Record<string, unknown>)[field];
  return value === undefined || value === null || value === '';
}
