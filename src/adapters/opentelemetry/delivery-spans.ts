// SPDX-License-Identifier: GPL-3.0-or-later
import { ROOT_CONTEXT, SpanKind, type Tracer } from '@opentelemetry/api';
import {
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
} from '@opentelemetry/semantic-conventions';
import type { SendEvent } from '../../core/webhooks/ports.ts';
import { contextOf, currentSpan, markFailed, traceparentOf } from './spans.ts';

/** A span for each attempt to deliver an event; the receiver gets its trace context. No span holds a URL. */
export function deliverySpans(tracer: Tracer): (send: SendEvent) => SendEvent {
  return (send) => async (receiver, event, signal) => {
    // The test call of a webhook belongs to its request.
    const request = currentSpan.getStore();
    const span = tracer.startSpan(
      'deliver event',
      {
        kind: SpanKind.CLIENT,
        attributes: { [ATTR_HTTP_REQUEST_METHOD]: 'POST', 'firstcome.event.id': event.eventId },
      },
      request?.isRecording() ? contextOf(request) : ROOT_CONTEXT,
    );
    const answer = await send(receiver, { ...event, traceparent: traceparentOf(span) }, signal);
    if (answer.kind === 'answered') {
      span.setAttribute(ATTR_HTTP_RESPONSE_STATUS_CODE, answer.status);
      if (answer.status < 200 || answer.status > 299) markFailed(span, String(answer.status));
    } else {
      markFailed(span, answer.isForbidden ? 'forbidden' : 'no_answer');
    }
    span.end();
    return answer;
  };
}
