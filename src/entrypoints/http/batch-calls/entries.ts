// SPDX-License-Identifier: GPL-3.0-or-later
/** The claims of one call: which of them are valid, and what is wrong with the others. */
import type { FastifySchemaValidationError, preValidationHookHandler } from 'fastify';
import type { Static } from 'typebox';
import { detailOf, type FieldError } from '../../../core/errors.ts';
import { invalidFields } from '../problems/invalid-request.ts';
import type { ProblemDetails } from '../problems/problem.ts';
import { type ClaimEntries, ClaimEntry, claimsPerCallMax } from '../schemas/batch-calls.ts';
import { allowedIn } from '../schemas/fields.ts';
import { invalidRequest } from '../schemas/validation.ts';

/** The claims of a call, of which only those without an error of the schema have this type. */
export type Entries = Static<typeof ClaimEntries>['claims'];

/**
 * Refuses a call without a list of claims, or with a header that a single claim would have. It runs before the schema, which
 * would describe every error of a list of any length.
 */
export const requireEntries: preValidationHookHandler = ({ body, headers }, _reply, done) => {
  const fields = [
    ...(headers['idempotency-key'] === undefined
      ? []
      : [{ field: 'Idempotency-Key', message: 'must not be sent; each claim has its own key' }]),
    ...listFault(body),
  ];
  done(fields.length === 0 ? undefined : invalidRequest(fields));
};

function listFault(body: unknown): FieldError[] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return [{ field: 'body', message: String(allowedIn.body) }];
  }
  const { claims } = body as { claims?: unknown };
  if (claims === undefined || claims === null) return [{ field: 'claims', message: 'is required' }];
  const isList = Array.isArray(claims) && claims.length > 0 && claims.length <= claimsPerCallMax;
  return isList ? [] : [{ field: 'claims', message: String(allowedIn.claims) }];
}

/** The problems of single claims, by their index, as a single call would have them. */
export function entryProblems(
  entries: readonly unknown[],
  errors: readonly FastifySchemaValidationError[] = [],
): Map<number, ProblemDetails> {
  const byEntry = new Map<number, FastifySchemaValidationError[]>();
  for (const error of errors) {
    // `/claims/7/user_id`: the error of that claim at `/user_id`.
    const [, , index = '', ...path] = error.instancePath.split('/');
    const ofEntry = byEntry.get(Number(index)) ?? [];
    ofEntry.push({ ...error, instancePath: ['', ...path].join('/') });
    byEntry.set(Number(index), ofEntry);
  }
  const problems = new Map<number, ProblemDetails>();
  for (const [index, ofEntry] of byEntry) {
    const fields = invalidFields(ofEntry, entries[index], ClaimEntry);
    problems.set(index, { code: 'invalid_request', detail: detailOf(fields), fields });
  }
  return problems;
}
