// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import { claimStates } from '../../../core/claims/claim.ts';
import {
  actors,
  type LogPosition,
  type OperatorLogEntry,
  operatorActions,
} from '../../../core/operator-log/operator-log.ts';
import { sagaStates } from '../../../core/sagas/saga.ts';
import type { Route } from '../route.ts';
import {
  ClaimsPerUserMax,
  cursorOf,
  Description,
  HoldSeconds,
  NextCursor,
  onlyObject,
  PauseReason,
  pageParameters,
  SagaName,
  StockLowAt,
  Title,
  WindowTime,
} from '../schemas/fields.ts';
import { linkNextPage, pageLimitDefault } from '../schemas/pages.ts';
import { problemResponses } from '../schemas/responses.ts';
import { jsonType, sendHead } from '../send-head.ts';

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
const LoggedCoupon = Type.Object(loggedCoupon);
const time = Type.String({ format: 'date-time' });
const LoggedClaim = Type.Object(
  {
    claim_id: Type.String({ format: 'uuid' }),
    user_id: Type.String(),
    position: Type.Integer(),
    claimed_at: time,
    state: Type.Enum([...claimStates]),
    expires_at: Type.Optional(time),
    confirmed_at: Type.Optional(time),
    released_at: Type.Optional(time),
    reason: Type.Optional(Type.String()),
    saga_state: Type.Optional(Type.Enum([...sagaStates])),
    final: Type.Optional(Type.Boolean()),
  },
  { description: 'With `release_claim`.' },
);
const LoggedWebhook = Type.Object(
  {
    webhook_id: Type.String({ format: 'uuid' }),
    url: Type.String(),
    events: Type.Array(Type.String()),
    secret_count: Type.Integer({ description: 'How many secrets sign its deliveries.' }),
    disabled_reason: Type.Optional(
      Type.String({ description: 'Before `enable_webhook`: why it was disabled.' }),
    ),
  },
  { description: 'With the changes of a webhook.' },
);
const LoggedSaga = Type.Object(
  {
    saga_id: Type.String({ format: 'uuid' }),
    saga: Type.String(),
    user_id: Type.String(),
    position: Type.Integer(),
    state: Type.Enum([...sagaStates]),
    step: Type.Integer({ description: 'The step that is run or undone next.' }),
    cause: Type.Optional(Type.String()),
    resolved_as: Type.Optional(Type.Enum(['done', 'compensated'])),
  },
  { description: 'With `retry_saga` and `resolve_saga`.' },
);
const TextOrNull = Type.Unsafe<string | null>({ type: ['string', 'null'] });
const LoggedDeadLetter = Type.Object(
  {
    dead_letter_id: Type.String(),
    claim_id: TextOrNull,
    user_id: TextOrNull,
    dead_reason: Type.String({ description: 'Why it was a dead letter.' }),
  },
  { description: 'Before `redrive_dead_letter` and `discard_dead_letter`.' },
);
const LoggedLoss = Type.Object(
  {
    lost_batches: Type.Integer(),
    lost_claims: Type.Integer(),
    lost_changes: Type.Integer(),
    last_position: Type.Integer({ description: 'The highest position that is known of it.' }),
  },
  { description: 'Before `accept_history`: what the database lacks of the coupon.' },
);
const Subject = Type.Union([
  ...[LoggedCoupon, LoggedClaim, LoggedWebhook, LoggedSaga, LoggedDeadLetter, LoggedLoss],
  Type.Null(),
]);

const Entry = Type.Object({
  id: Type.String({ format: 'uuid' }),
  at: Type.String({ format: 'date-time' }),
  actor: Type.Enum([...actors], {
    description: 'Which key the call had. `anonymous`: none, where none is needed.',
  }),
  action: Type.Enum([...operatorActions]),
  coupon_name: Type.Unsafe<string | null>({
    type: ['string', 'null'],
    description: 'null: a webhook for the events of all coupons, or a dead letter without a claim.',
  }),
  before: Subject,
  after: Subject,
  reason: TextOrNull,
  request_id: TextOrNull,
});

/** `GET /api/operator-log`: what operators created and changed, the newest entry first, in pages. */
export const listOperatorLogRoute: Route = (app, { readOperatorLog }) => {
  app.get(
    '/api/operator-log',
    {
      config: { access: 'view' },
      schema: {
        operationId: 'listOperatorLog',
        tags: ['operators'],
        summary: 'List what operators created and changed, the newest first',
        description:
          'An entry is written in the transaction of its change and never changed; that of a dead letter after its change and ' +
          'before the letter is removed. Refused and repeated calls, and ' +
          'changes that leave a coupon as it was, have none. Of claims there are the releases that only an operator may ' +
          'make: of a confirmed claim, and final ones. Unknown query parameters are refused.',
        querystring: onlyObject({
          limit: pageParameters.limit,
          cursor: cursorOf('^[0-9]{1,18}-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$'),
        }),
        response: {
          200: Type.Object({ entries: Type.Array(Entry), next_cursor: NextCursor }),
          ...problemResponses(400, 401, 403, 503),
        },
      },
    },
    async (request, reply) => {
      const { limit = pageLimitDefault, cursor } = request.query;
      if (request.method === 'HEAD') return sendHead(reply, jsonType);
      const page = await readOperatorLog({ before: toPosition(cursor), limit });
      const next = page.next === undefined ? null : `${page.next.microseconds}-${page.next.id}`;
      if (next !== null) linkNextPage(reply, { path: '/api/operator-log', limit, cursor: next });
      return { entries: page.entries.map(toEntryBody), next_cursor: next };
    },
  );
};

function toPosition(cursor: string | undefined): LogPosition | undefined {
  if (cursor === undefined) return undefined;
  const end = cursor.indexOf('-');
  return { microseconds: cursor.slice(0, end), id: cursor.slice(end + 1) };
}

function toEntryBody({ couponName, requestId, ...entry }: OperatorLogEntry) {
  return { ...entry, coupon_name: couponName, request_id: requestId };
}
