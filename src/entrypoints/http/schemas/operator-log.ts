// SPDX-License-Identifier: GPL-3.0-or-later
/** What the operator log holds. */
import { Type } from 'typebox';
import { actors, operatorActions } from '../../../core/operator-log/operator-log.ts';
import { ClaimState, enumOf, SagaState } from './enums.ts';
import {
  ClaimsPerUserMax,
  Description,
  HoldSeconds,
  NextCursor,
  PauseReason,
  SagaName,
  StockLowAt,
  Title,
  WindowTime,
} from './fields.ts';
import { ref } from './ref.ts';

const loggedCoupon = {
  amount: Type.Integer(),
  remaining_amount: Type.Integer(),
  opens_at: WindowTime,
  closes_at: WindowTime,
  paused: Type.Boolean(),
  archived: Type.Boolean(),
  hold_seconds: Type.Optional(HoldSeconds),
  claims_per_user_max: Type.Optional(ClaimsPerUserMax),
  saga: Type.Optional(SagaName),
  stock_low_at: Type.Optional(StockLowAt),
  title: Type.Optional(Title),
  description: Type.Optional(Description),
  pause_reason: Type.Optional(PauseReason),
};
/** What an entry shows of a coupon. */
export const LoggedCoupon = Type.Object(loggedCoupon, {
  $id: 'LoggedCoupon',
  description: 'With the changes of a coupon.',
});
const time = Type.String({ format: 'date-time' });
/** What an entry shows of a claim. */
export const LoggedClaim = Type.Object(
  {
    claim_id: Type.String({ format: 'uuid' }),
    user_id: Type.String(),
    position: Type.Integer(),
    claimed_at: time,
    state: ref(ClaimState),
    expires_at: Type.Optional(time),
    confirmed_at: Type.Optional(time),
    released_at: Type.Optional(time),
    reason: Type.Optional(Type.String()),
    saga_state: Type.Optional(ref(SagaState)),
    final: Type.Optional(Type.Boolean()),
  },
  { $id: 'LoggedClaim', description: 'With `release_claim`.' },
);
/** What an entry shows of a webhook. */
export const LoggedWebhook = Type.Object(
  {
    webhook_id: Type.String({ format: 'uuid' }),
    url: Type.String(),
    events: Type.Array(Type.String()),
    secret_count: Type.Integer({ description: 'How many secrets sign its deliveries.' }),
    disabled_reason: Type.Optional(
      Type.String({ description: 'Before `enable_webhook`: why it was disabled.' }),
    ),
  },
  { $id: 'LoggedWebhook', description: 'With the changes of a webhook.' },
);
/** What an entry shows of a saga. */
export const LoggedSaga = Type.Object(
  {
    saga_id: Type.String({ format: 'uuid' }),
    saga: Type.String(),
    user_id: Type.String(),
    position: Type.Integer(),
    state: ref(SagaState),
    step: Type.Integer({ description: 'The step that is run or undone next.' }),
    cause: Type.Optional(Type.String()),
    resolved_as: Type.Optional(enumOf(['done', 'compensated'])),
  },
  { $id: 'LoggedSaga', description: 'With `retry_saga` and `resolve_saga`.' },
);
const TextOrNull = Type.Unsafe<string | null>({ type: ['string', 'null'] });
/** What an entry shows of a dead letter. */
export const LoggedDeadLetter = Type.Object(
  {
    dead_letter_id: Type.String(),
    claim_id: TextOrNull,
    user_id: TextOrNull,
    dead_reason: Type.String({ description: 'Why it was a dead letter.' }),
  },
  {
    $id: 'LoggedDeadLetter',
    description: 'Before `redrive_dead_letter` and `discard_dead_letter`.',
  },
);
/** What an entry shows of lost history. */
export const LoggedLoss = Type.Object(
  {
    lost_batches: Type.Integer(),
    lost_claims: Type.Integer(),
    lost_changes: Type.Integer(),
    last_position: Type.Integer({ description: 'The highest position that is known of it.' }),
  },
  {
    $id: 'LoggedLoss',
    description: 'Before `accept_history`: what the database lacks of the coupon.',
  },
);
const Subject = Type.Union([
  ref(LoggedCoupon),
  ref(LoggedClaim),
  ref(LoggedWebhook),
  ref(LoggedSaga),
  ref(LoggedDeadLetter),
  ref(LoggedLoss),
  Type.Null(),
]);

/** An entry of the operator log. */
export const LogEntryBody = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    at: Type.String({ format: 'date-time' }),
    actor: enumOf(actors, {
      description: 'Which key the call had. `anonymous`: none, where none is needed.',
    }),
    action: enumOf(operatorActions),
    coupon_name: Type.Unsafe<string | null>({
      type: ['string', 'null'],
      description:
        'null: a webhook for the events of all coupons, or a dead letter without a claim.',
    }),
    before: Subject,
    after: Subject,
    reason: TextOrNull,
    request_id: TextOrNull,
  },
  { $id: 'OperatorLogEntry', description: 'What an operator created or changed.' },
);

/** A page of the operator log. */
export const LogPageBody = Type.Object(
  { entries: Type.Array(ref(LogEntryBody)), next_cursor: NextCursor },
  { $id: 'OperatorLogPage', description: 'A page of the operator log.' },
);

/** The schemas that have a name in OpenAPI. */
export const operatorLogSchemas = [
  ...[LoggedCoupon, LoggedClaim, LoggedWebhook, LoggedSaga, LoggedDeadLetter, LoggedLoss],
  ...[LogEntryBody, LogPageBody],
];
