// SPDX-License-Identifier: GPL-3.0-or-later
import { type Static, Type } from 'typebox';
import type { TimelineEntry } from '../../../core/claims/read-timeline.ts';
import type { Route } from '../route.ts';
import { ClaimId, CouponName, onlyObject } from '../schemas/fields.ts';
import { ClaimBody, problemResponses, ref } from '../schemas/responses.ts';
import { toClaimBody } from '../schemas/views.ts';
import { jsonType, sendHead } from '../send-head.ts';

const optional = (type: string, description: string) =>
  Type.Optional(Type.Unsafe<string | undefined>({ type, description }));

const EntryBody = Type.Object({
  at: Type.Unsafe<string | null>({
    ...{ type: ['string', 'null'], format: 'date-time' },
    description:
      'When it happened. Of a delivery: its last attempt, or the event before the first one. Null: a step whose first call ' +
      'has not ended.',
  }),
  kind: Type.Enum(['change', 'operator', 'delivery', 'saga_step']),
  name: Type.String({
    description:
      'Of a change: `claimed`, `confirmed`, `redeemed` or `released`. Of what an operator did: its action in the operator ' +
      'log. Of a delivery: the type of the event. Of a step: its name.',
  }),
  reason: optional('string', 'Why a claim was released, or what an operator has given as reason.'),
  actor: optional('string', 'The operator, as the operator log has it; only where it knows one.'),
  state: optional('string', 'Of a delivery or a step.'),
  webhook_id: optional('string', 'Of a delivery.'),
  event_id: optional('string', 'Of a delivery.'),
  participant: optional('string', 'Of a step.'),
  attempts: Type.Optional(Type.Integer({ description: 'Of a delivery or a step.' })),
  last_status: Type.Optional(
    Type.Unsafe<number | null>({
      ...{ type: ['integer', 'null'] },
      description:
        'Of a delivery or a step: the status of the last response; null where none arrived.',
    }),
  ),
  last_error: Type.Optional(Type.Unsafe<string | null>({ type: ['string', 'null'] })),
});

/** `GET /api/claims/{claim_id}/timeline`: what happened to a claim, and because of it. */
export const readTimelineRoute: Route = (app, { readCoupons, watch }) => {
  if (watch === undefined) return;
  app.get(
    '/api/claims/:claim_id/timeline',
    {
      config: { access: 'view' },
      schema: {
        operationId: 'readTimeline',
        tags: ['claims'],
        summary: 'Read what happened to a claim',
        description:
          'Its changes, what operators did to it, the deliveries of its events and the steps of its saga, in order of time. ' +
          'Also of a claim that has ended. Deliveries are kept for 30 days. Unknown query parameters are refused.',
        params: Type.Object({ claim_id: ClaimId }),
        querystring: onlyObject({ coupon_name: CouponName }),
        response: {
          200: Type.Object({ claim: ref(ClaimBody), entries: Type.Array(EntryBody) }),
          ...problemResponses(400, 401, 403, 404, 503),
        },
      },
    },
    async (request, reply) => {
      const { coupon_name: couponName } = request.query;
      if (request.method === 'HEAD') {
        await readCoupons.assertExists(couponName);
        return sendHead(reply, jsonType);
      }
      const { claim_id: claimId } = request.params;
      const { claim, entries } = await watch.readTimeline({ couponName, claimId });
      return { claim: toClaimBody(claim), entries: entries.map(toEntryBody) };
    },
  );
};

function toEntryBody({ kind, name, at, ...entry }: TimelineEntry): Static<typeof EntryBody> {
  return {
    ...{ at: at ?? null, kind, name },
    ...('reason' in entry && { reason: entry.reason }),
    ...('actor' in entry && { actor: entry.actor }),
    ...('webhookId' in entry && { webhook_id: entry.webhookId, event_id: entry.eventId }),
    ...('participant' in entry && { participant: entry.participant }),
    ...('state' in entry && {
      ...{ state: entry.state, attempts: entry.attempts },
      ...{ last_status: entry.lastStatus, last_error: entry.lastError },
    }),
  };
}
