// SPDX-License-Identifier: GPL-3.0-or-later
import { messageOf } from '../../../core/error-message.ts';
import { AppError, detailOf } from '../../../core/errors.ts';
import { DatabaseFault } from './pg-error.ts';
import { UnusableDatabaseError } from './unusable-database-error.ts';

/**
 * For a statement that only reads: every fault of the database is `unavailable`, since a lost answer changed nothing.
 */
export function throwAsReadError(error: unknown): never {
  if (!(error instanceof DatabaseFault)) throw error;
  if (error.reason === 'broken' || error.reason === 'not_durable') throw toAppError(error);
  throw unavailable(error, 'the database cannot be read now');
}

/** For a statement that writes: throws the fault that a caller gets. */
export function throwAsWriteError(error: unknown): never {
  throw error instanceof DatabaseFault ? toAppError(error) : error;
}

/** What a caller learns of a fault `not_durable`: the two levels. */
export function tooLittleDurability({ cause }: DatabaseFault): string {
  return `${messageOf(cause)}; nothing is stored`;
}

function unavailable(fault: DatabaseFault, detail: string): AppError {
  const { cause } = fault;
  return new AppError('unavailable', {
    detail: cause instanceof UnusableDatabaseError ? cause.message : detail,
    cause: fault,
  });
}

function toAppError(fault: DatabaseFault): AppError {
  const cause = fault;
  switch (fault.reason) {
    case 'not_sent':
      return unavailable(fault, 'the database cannot be reached');
    case 'not_durable':
      return new AppError('unavailable', { detail: tooLittleDurability(fault), cause });
    case 'busy':
    case 'conflict':
      return new AppError('unavailable', { detail: 'the coupon is locked for too long', cause });
    case 'invalid': {
      const fields = fault.field === undefined ? [] : [fault.field];
      return new AppError('invalid_request', { detail: detailOf(fields), fields, cause });
    }
    case 'refused':
      return new AppError('unavailable', {
        detail: 'the database refuses this change; nothing of it is stored',
        cause,
      });
    case 'lost':
      return new AppError('outcome_unknown', {
        detail: 'the database has not confirmed the change, so it may be stored',
        cause,
      });
    case 'void':
    case 'broken':
      return new AppError('internal', { detail: 'an unexpected error occurred', cause });
  }
}
