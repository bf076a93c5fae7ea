// SPDX-License-Identifier: GPL-3.0-or-later
/** Turns errors of the schemas into `invalid_request`, which names each wrong field and what is allowed in it. */
import type { FastifyRequest, FastifySchema, FastifySchemaValidationError } from 'fastify';
import type { AppError, FieldError } from '../../../core/errors.ts';
import { unknownNames } from '../../../core/unknown-names.ts';
import { allowedIn, allowedInCall } from '../schemas/fields.ts';
import { invalidRequest } from '../schemas/validation.ts';

type Part = 'body' | 'params' | 'querystring' | 'headers';

type CallSchema = FastifySchema & { operationId?: string };

/** The schema of one part of a request. */
type PartSchema = { properties?: Record<string, unknown>; required?: string[] };

const addUnits = 'add units with POST /api/coupons/{name}/stock';
const asAdd = 'is unknown; give the units to add as `add`';
const asHeader = 'is unknown; send it as the header Idempotency-Key';
const asCursor = { next_cursor: 'is unknown; send it as `cursor`' };

const isFixed = 'cannot be changed; it is fixed when the coupon is created';

/** Hints for unknown names that callers are likely to send, by `operationId`. */
const insteadOf: Record<string, Record<string, string>> = {
  changeCoupon: {
    name: 'cannot be changed',
    amount: `cannot be changed here; ${addUnits}`,
    remaining_amount: `cannot be changed; ${addUnits}`,
    add: `is unknown here; ${addUnits}`,
    hold_seconds: isFixed,
    claims_per_user_max: isFixed,
    saga: isFixed,
    stock_low_at: isFixed,
  },
  addStock: {
    amount: asAdd,
    units: asAdd,
    idempotency_key: asHeader,
  },
  redeemClaim: { idempotency_key: asHeader },
  createWebhook: { idempotency_key: asHeader },
  listCoupons: asCursor,
  listClaims: asCursor,
  listUserClaims: asCursor,
  listOperatorLog: asCursor,
  listWebhookDeliveries: asCursor,
  listSagas: asCursor,
};

/** The fault for a request of which one part breaks its schema. Names each field once. */
export function toInvalidRequest(
  errors: readonly FastifySchemaValidationError[],
  context: Part = 'body',
  request: FastifyRequest,
): AppError {
  const { schema = {} } = request.routeOptions;
  const input = request[context === 'querystring' ? 'query' : context];
  const partSchema = (schema[context] ?? {}) as PartSchema;
  const fields = invalidFields(errors, input, partSchema, { context, schema });
  const unknown = errors.some(({ keyword }) => keyword === 'additionalProperties')
    ? unknownIn(context, Object.keys(isObject(input) ? input : {}), partSchema, schema)
    : [];
  return invalidRequest([...fields, ...unknown]);
}

/** The wrong fields of one part of a request, or of one object in its body, each once and without unknown ones. */
export function invalidFields(
  errors: readonly FastifySchemaValidationError[],
  input: unknown,
  partSchema: PartSchema,
  { context = 'body', schema = {} }: { context?: Part; schema?: CallSchema } = {},
): FieldError[] {
  const given = isObject(input) ? input : {};
  const fields = new Map<string, string>();
  for (const error of errors) {
    if (error.keyword === 'additionalProperties') continue;
    const field = fieldOf(error, context);
    const message = isRepeated(given[field], partSchema.properties?.[field], context)
      ? 'must not be repeated'
      : messageOf(error, given[field], field, schema, partSchema);
    fields.set(field, message);
  }
  return [...fields].map(([field, message]) => ({ field, message }));
}

/** The fault that validation will find in the path, query or headers of a request, before its body is read. */
export function headFault(request: FastifyRequest): AppError | undefined {
  const { params, query, headers } = request;
  for (const [part, input] of Object.entries({ params, querystring: query, headers })) {
    const context = part as Exclude<Part, 'body'>;
    const validate = request.getValidationFunction(context);
    if (validate === undefined || validate(input)) continue;
    return toInvalidRequest(validate.errors ?? [], context, request);
  }
  return undefined;
}

function unknownIn(
  context: Part,
  given: string[],
  { properties = {} }: PartSchema,
  schema: CallSchema,
): FieldError[] {
  const isQuery = context === 'querystring';
  return unknownNames({
    place: isQuery ? 'query' : context,
    noun: isQuery ? 'query parameter' : 'member',
    known: Object.keys(properties),
    given,
    instead: insteadOf[schema.operationId ?? ''],
  });
}

function fieldOf(error: FastifySchemaValidationError, context: Part): string {
  const [, first] = error.instancePath.split('/');
  if (first !== undefined) return first === 'idempotency-key' ? 'Idempotency-Key' : first;
  const missing = error.params.missingProperty;
  return typeof missing === 'string' ? missing : context;
}

/** Whether a query parameter is repeated that may not be: the parser of the query then makes a list of its values. */
function isRepeated(value: unknown, property: unknown, context: Part): boolean {
  const mayRepeat = isObject(property) && property.type === 'array';
  return context === 'querystring' && Array.isArray(value) && !mayRepeat;
}

function messageOf(
  error: FastifySchemaValidationError,
  value: unknown,
  field: string,
  { operationId = '' }: CallSchema,
  { properties = {}, required = [] }: PartSchema,
): string {
  if (error.keyword === 'minProperties' && operationId === 'changeCoupon') {
    return `must change at least one of ${Object.keys(properties).join(', ')}`;
  }
  const isMissing = value === undefined || value === null || value === '';
  return isMissing && required.includes(field)
    ? 'is required'
    : (allowedInCall[operationId]?.[field] ?? allowedIn[field] ?? 'is not valid');
}

function isObject(input: unknown): input is Record<string, unknown> {
  return typeof input === 'object' && input !== null && !Array.isArray(input);
}
