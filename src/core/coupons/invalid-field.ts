// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError, type FieldError } from '../errors.ts';

/** The fault for a value of one field that only the database could judge. */
export function invalidField(field: FieldError): AppError {
  return new AppError('invalid_request', {
    detail: `${field.field} ${field.message}`,
    fields: [field],
  });
}
