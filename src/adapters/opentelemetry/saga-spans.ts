// SPDX-License-Identifier: GPL-3.0-or-later

import {
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  type Tracer,
} from '@opentelemetry/api';
import { type IdGenerator, RandomIdGenerator } from '@opentelemetry/sdk-trace-base';
import {
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
} from '@opentelemetry/semantic-conventions';
import type { Claim } from '../../core/claims/claim.ts';
import { OldestOut } from '../../core/oldest-out.ts';
import type { CallStep } from '../../core/sagas/ports.ts';
import { contextOf, markFailed, traceparentOf } from './spans.ts';

/** Random ids, but for spans that are to have certain ones. */
export class ChosenIds implements IdGenerator {
  private readonly random = new RandomIdGenerator();
  private chosen: { traceId: string; spanId: string } | undefined;

  readonly generateTraceId = (): string => this.chosen?.traceId ?? this.random.generateTraceId();
  readonly generateSpanId = (): string => this.chosen?.spanId ?? this.random.generateSpanId();

  /** Gives these ids to the span that `start` starts. */
  use(ids: { traceId: string; spanId: string }, start: () => Span): Span {
    this.chosen = ids;
    try {
      return start();
    } finally {
      this.chosen = undefined;
    }
  }
}

type SagaOfClaim = { sagaId: string; claimId: string; startTime: Date };

// The links of further sagas are forgotten, oldest first.
const linkedMax = 10_000;
const spanIdAt = 16;

/**
 * Spans of sagas. The id of a saga is that of its trace, so every process adds its calls to the same trace, and nothing is
 * stored for it. The request of the claim links to that trace; spans of the saga link back where this process had the request.
 */
export class SagaSpans {
  private readonly tracer: Tracer;
  private readonly ids: ChosenIds;
  /** The requests of the claims of sagas that have not ended, by the id of the saga; at most the last `linkedMax`. */
  private readonly requests = new OldestOut<SpanContext>(linkedMax);

  /** The spans of `tracer` get their ids from `ids`. */
  constructor(tracer: Tracer, ids: ChosenIds) {
    this.tracer = tracer;
    this.ids = ids;
  }

  /** Links the request of a claim to the trace of its saga. */
  linkRequest(request: Span, { sagaId, claimId, claimedAt }: Claim & { sagaId: string }): void {
    const saga = { sagaId, claimId, startTime: new Date(claimedAt) };
    request.addLink({ context: this.root(saga, []).spanContext() });
    request.setAttribute('firstcome.saga.id', sagaId);
    this.requests.set(sagaId, request.spanContext());
  }

  /** A span for each call of a step, as part of the trace of the saga; the participant gets its trace context. */
  readonly traceCall = (call: CallStep): CallStep => {
    return async (stepCall, signal) => {
      const { sagaId, step, direction, claim } = stepCall;
      const { claimId, claimedAt } = claim;
      const links = this.linksOf(sagaId);
      const root = this.root({ sagaId, claimId, startTime: new Date(claimedAt) }, links);
      const span = this.tracer.startSpan(
        `${direction} ${step.name}`,
        {
          kind: SpanKind.CLIENT,
          links,
          attributes: {
            [ATTR_HTTP_REQUEST_METHOD]: 'POST',
            ...attributesOf(sagaId, claimId),
            'firstcome.saga.participant': step.participant,
          },
        },
        contextOf(root),
      );
      const answer = await call({ ...stepCall, traceparent: traceparentOf(span) }, signal);
      span.setAttribute('firstcome.saga.call.result', answer.kind);
      if (answer.status !== null) span.setAttribute(ATTR_HTTP_RESPONSE_STATUS_CODE, answer.status);
      // A participant that declines has not failed.
      if (answer.kind === 'unknown') markFailed(span, answer.status?.toString() ?? 'no_answer');
      span.end();
      return answer;
    };
  };

  /** Adds the span of a whole saga, from its claim to now. */
  end({ sagaId, claimId, claimedAt }: Claim & { sagaId: string }, state: string): void {
    const saga = { sagaId, claimId, startTime: new Date(claimedAt) };
    const span = this.root(saga, this.linksOf(sagaId));
    span.setAttribute('firstcome.saga.state', state);
    span.end();
    this.requests.delete(sagaId);
  }

  /** The root span of a saga. It is sent only if it is ended. */
  private root({ sagaId, claimId, startTime }: SagaOfClaim, links: Link[]): Span {
    const traceId = sagaId.replaceAll('-', '');
    const attributes = attributesOf(sagaId, claimId);
    const options = { kind: SpanKind.INTERNAL, root: true, startTime, attributes, links };
    return this.ids.use({ traceId, spanId: traceId.slice(spanIdAt) }, () =>
      this.tracer.startSpan('saga', options, ROOT_CONTEXT),
    );
  }

  private linksOf(sagaId: string): Link[] {
    const request = this.requests.get(sagaId);
    return request === undefined ? [] : [{ context: request }];
  }
}

const attributesOf = (sagaId: string, claimId: string) => ({
  'firstcome.saga.id': sagaId,
  'firstcome.claim.id': claimId,
});
