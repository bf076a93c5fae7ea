// SPDX-License-Identifier: GPL-3.0-or-later
import { batchCallSchemas } from './batch-calls.ts';
import { CheckedCouponBody, CheckedRuleBody } from './checked-coupon.ts';
import { ConsoleSessionBody } from './console-session.ts';
import { DeadLetterBody, DeadLetterPageBody, HandledBody } from './dead-letters.ts';
import { sharedEnums } from './enums.ts';
import { CouponEventData } from './event-body.ts';
import { DutyBody, HealthBody, LivenessBody } from './health.ts';
import { AcceptedHistoryBody, LostBatchBody, LostHistoryBody } from './lost-history.ts';
import { operatorLogSchemas } from './operator-log.ts';
import { OutcomeHistoryBody, OutcomeSecondBody } from './outcomes.ts';
import { ClaimsByState, OverviewBody } from './overview.ts';
import {
  ClaimBody,
  ClaimPageBody,
  CouponBody,
  CouponPageBody,
  CouponSummaryBody,
  FieldErrorBody,
  ProblemSchema,
} from './responses.ts';
import { SagaBody, SagaPageBody, SagaSummaryBody, StepBody } from './sagas.ts';
import { AcceptedTicketBody, TicketBody } from './tickets.ts';
import { TimelineBody, TimelineEntryBody } from './timeline.ts';
import {
  DeliveryBody,
  DeliveryPageBody,
  RedeliveredEventsBody,
  TestDeliveryBody,
  WebhookBody,
  WebhookListBody,
  WebhookWithSecretBody,
} from './webhooks.ts';

/** The schemas that others refer to by `$id`, which is their name in OpenAPI and in generated clients. */
export const sharedSchemas = [
  ...sharedEnums,
  ...[CouponSummaryBody, CouponBody, CouponPageBody, ClaimBody, ClaimPageBody],
  ...batchCallSchemas,
  ...[WebhookBody, WebhookWithSecretBody, WebhookListBody, DeliveryBody, DeliveryPageBody],
  ...[RedeliveredEventsBody, TestDeliveryBody, CouponEventData],
  ...[SagaSummaryBody, StepBody, SagaBody, SagaPageBody],
  ...[AcceptedTicketBody, TicketBody, DeadLetterBody, DeadLetterPageBody, HandledBody],
  ...[...operatorLogSchemas, LostBatchBody, LostHistoryBody, AcceptedHistoryBody],
  ...[OutcomeSecondBody, OutcomeHistoryBody, ClaimsByState, OverviewBody],
  ...[TimelineEntryBody, TimelineBody, CheckedRuleBody, CheckedCouponBody, ConsoleSessionBody],
  ...[DutyBody, HealthBody, LivenessBody, FieldErrorBody, ProblemSchema],
];
