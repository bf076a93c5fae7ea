// SPDX-License-Identifier: GPL-3.0-or-later
import { AsyncLocalStorage } from 'node:async_hooks';
import { type Context, ROOT_CONTEXT, type Span, SpanStatusCode, trace } from '@opentelemetry/api';
import { ATTR_ERROR_TYPE } from '@opentelemetry/semantic-conventions';

/** The span of the request, the batch or its resolution that the running code belongs to. */
export const currentSpan = new AsyncLocalStorage<Span>();

/** The spans of requests with many claims. These have no spans and no attributes of their own. */
export const spansOfManyClaims = new WeakSet<Span>();

/** Returns the context whose spans become children of this span. */
export function contextOf(span: Span): Context {
  return trace.setSpan(ROOT_CONTEXT, span);
}

/** The header by which the receiver of a request adds spans to its trace, as W3C Trace Context defines it. */
export function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

/** Marks a span as failed. `type` is one of few names; no message is recorded, as it could hold a value. */
export function markFailed(span: Span, type: string): void {
  span.setAttribute(ATTR_ERROR_TYPE, type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** A short name for an error: its code (ours, an SQLSTATE, Node's), else the reason of a database fault, else its name. */
export function errorType(error: unknown): string {
  const { code, reason, name } = error as { code?: unknown; reason?: unknown; name?: unknown };
  for (const type of [code, reason, name]) if (typeof type === 'string') return type;
  return '_OTHER';
}
