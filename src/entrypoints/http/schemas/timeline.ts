// SPDX-License-Identifier: GPL-3.0-or-later
import { type Static, Type } from 'typebox';
import type { Timeline, TimelineEntry } from '../../../core/claims/read-timeline.ts';
import { enumOf } from './enums.ts';
import { ref } from './ref.ts';
import { ClaimBody } from './responses.ts';
import { toClaimBody } from './views.ts';

const optional = (type: string, description: string) =>
  Type.Optional(Type.Unsafe<string | undefined>({ type, description }));

/** An entry of a timeline. */
export const TimelineEntryBody = Type.Object(
  {
    at: Type.Unsafe<string | null>({
      ...{ type: ['string', 'null'], format: 'date-time' },
      description:
        'When it happened. Of a delivery: its last attempt, or the event before the first one. Null: a step whose first call ' +
        'has not ended.',
    }),
    kind: enumOf(['change', 'operator', 'delivery', 'saga_step']),
    name: Type.String({
      description:
        'Of a change: `claimed`, `confirmed`, `redeemed` or `released`. Of what an operator did: its action in the operator ' +
        'log. Of a delivery: the type of the event. Of a step: its name.',
    }),
    reason: optional(
      'string',
      'Why a claim was released, or what an operator has given as reason.',
    ),
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
  },
  { $id: 'TimelineEntry' },
);

/** What happened to a claim. */
export const TimelineBody = Type.Object(
  { claim: ref(ClaimBody), entries: Type.Array(ref(TimelineEntryBody)) },
  { $id: 'Timeline' },
);

/** The body of a timeline. */
export function toTimeline({ claim, entries }: Timeline): Static<typeof TimelineBody> {
  return { claim: toClaimBody(claim), entries: entries.map(toEntryBody) };
}

function toEntryBody({
  kind,
  name,
  at,
  ...entry
}: TimelineEntry): Static<typeof TimelineEntryBody> {
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
