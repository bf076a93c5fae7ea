// SPDX-License-Identifier: GPL-3.0-or-later
/** Fields that hold one of some texts. Those that stand in several schemas have a name in OpenAPI. */
import { Type } from 'typebox';
import { claimStates } from '../../../core/claims/claim.ts';
import { couponStates } from '../../../core/coupons/coupon.ts';
import { errorCodes } from '../../../core/errors.ts';
import { eventTypes } from '../../../core/events/ports.ts';
import { sagaStates } from '../../../core/sagas/saga.ts';

/** One of some texts. It has a `type`, because generators of clients take an enum without one for any value. */
export function enumOf<const Text extends string>(
  texts: readonly Text[],
  options: { $id?: string; description?: string } = {},
) {
  return Type.Unsafe<Text>({ ...options, type: 'string', enum: [...texts] });
}

/** One of some whole numbers. */
export function numberOf<const Value extends number>(
  values: readonly Value[],
  description: string,
) {
  return Type.Unsafe<Value>({ type: 'integer', enum: [...values], description });
}

/** The state of a coupon. */
export const CouponState = enumOf(couponStates, {
  $id: 'CouponState',
  description: 'Whether a coupon takes claims now, and if not, why.',
});

/** The state of a claim. */
export const ClaimState = enumOf(claimStates, {
  $id: 'ClaimState',
  description: 'How far a claim has come.',
});

/** The state of a saga. */
export const SagaState = enumOf(sagaStates, {
  $id: 'SagaState',
  description:
    '`running`: its steps are run in order. `compensating`: they are undone in reverse order. `needs_attention`: a call ' +
    'has failed too often, and an operator decides. `done`: its claim is confirmed. `compensated`: its claim is released.',
});

/** The type of an event. */
export const EventTypeName = enumOf(eventTypes, {
  $id: 'EventType',
  description: 'What happened to a claim or a coupon.',
});

/** The code of an error. */
export const ErrorCodeName = enumOf(errorCodes, {
  $id: 'ErrorCode',
  description: 'What went wrong, for programs.',
});

/** The named ones. */
export const sharedEnums = [CouponState, ClaimState, SagaState, EventTypeName, ErrorCodeName];
