// SPDX-License-Identifier: GPL-3.0-or-later
import type { ErrorCode } from '../../../core/errors.ts';
import type { ProblemKind } from './problem-kind.ts';

/** The HTTP form of the codes with status 404. */
export const notFoundKinds = {
  coupon_not_found: {
    status: 404,
    title: 'Coupon not found',
    error: 'coupon not found',
    effect: 'none',
    meaning: 'There is no coupon of this name.',
  },
  claim_not_found: {
    status: 404,
    title: 'Claim not found',
    error: 'claim not found',
    effect: 'none',
    meaning:
      'The user holds no claim of this coupon. `last_claim` is the last one that was released, if there is one.',
  },
  webhook_not_found: {
    status: 404,
    title: 'Webhook not found',
    error: 'webhook not found',
    effect: 'none',
    meaning: 'There is no webhook with this id.',
  },
  saga_not_found: {
    status: 404,
    title: 'Saga not found',
    error: 'saga not found',
    effect: 'none',
    meaning:
      'There is no saga with this id, or it has not started yet: it starts within about a second of its claim.',
  },
  ticket_not_found: {
    status: 404,
    title: 'Ticket not found',
    error: 'ticket not found',
    effect: 'none',
    meaning:
      'No ticket has this id, or its result is older than `TICKET_RETENTION_HOURS`. Nothing is looked up for an id that the service has not created.',
  },
  dead_letter_not_found: {
    status: 404,
    title: 'Dead letter not found',
    error: 'dead letter not found',
    effect: 'none',
    meaning:
      'No dead letter has this id. One that was redriven or discarded is no longer there; `GET /api/operator-log` says by whom.',
  },
  route_not_found: {
    status: 404,
    title: 'Not found',
    error: 'not found',
    effect: 'none',
    meaning: 'No route has this path.',
  },
} satisfies Partial<Record<ErrorCode, ProblemKind>>;
