// SPDX-License-Identifier: GPL-3.0-or-later
import {
  defaultTextMapGetter,
  type Link,
  ROOT_CONTEXT,
  SpanKind,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import type { ClaimCommand } from '../../core/claims/claim.ts';
import { contextOf, currentSpan, errorType, markFailed, traceparentOf } from './spans.ts';

type Decide<Outcome> = (command: ClaimCommand) => Promise<Outcome>;

/**
 * Spans of queued claims. The message of a claim has the trace context of its request. Its decision has a trace of its own,
 * which links to the request: it may be made by another process, long after the request was answered.
 */
export class TicketSpans {
  private readonly tracer: Tracer;
  private readonly decisionTracer: Tracer;
  private readonly propagator = new W3CTraceContextPropagator();

  /** `decisionTracer` samples every span: a decision is traced when its request is. */
  constructor(tracer: Tracer, decisionTracer: Tracer) {
    this.tracer = tracer;
    this.decisionTracer = decisionTracer;
  }

  /** The trace context for the message of the running request; undefined where that is not traced. */
  readonly traceParent = (): string | undefined => {
    const span = currentSpan.getStore();
    return span?.isRecording() ? traceparentOf(span) : undefined;
  };

  /** Traces how long a request waits for the queue and for the decision of its claim. */
  readonly traceWait = <Outcome>(accept: Decide<Outcome>): Decide<Outcome> => {
    return async (command) => {
      const request = currentSpan.getStore();
      if (!request?.isRecording()) return accept(command);
      const options = { kind: SpanKind.PRODUCER };
      const span = this.tracer.startSpan('wait for ticket', options, contextOf(request));
      try {
        return await currentSpan.run(span, () => accept(command));
      } catch (error) {
        markFailed(span, errorType(error));
        throw error;
      } finally {
        span.end();
      }
    };
  };

  /** Traces the decision of a claim of the queue. */
  async traceDecision<Outcome>(
    traceParent: string | undefined,
    decide: () => Promise<Outcome>,
  ): Promise<Outcome> {
    const links = this.linksTo(traceParent);
    if (links.length === 0) return currentSpan.exit(decide);
    const options = { kind: SpanKind.CONSUMER, root: true, links };
    const span = this.decisionTracer.startSpan('decide queued claim', options, ROOT_CONTEXT);
    try {
      return await currentSpan.run(span, decide);
    } catch (error) {
      markFailed(span, errorType(error));
      throw error;
    } finally {
      span.end();
    }
  }

  private linksTo(traceparent: string | undefined): Link[] {
    if (traceparent === undefined) return [];
    const extracted = this.propagator.extract(ROOT_CONTEXT, { traceparent }, defaultTextMapGetter);
    const context = trace.getSpanContext(extracted);
    return context === undefined ? [] : [{ context }];
  }
}
