// SPDX-License-Identifier: GPL-3.0-or-later
import { defaultTextMapGetter, ROOT_CONTEXT, SpanKind, type Tracer } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_NETWORK_PROTOCOL_VERSION,
  ATTR_URL_PATH,
  ATTR_URL_SCHEME,
} from '@opentelemetry/semantic-conventions';
import type { TraceRequest } from '../../core/tracing.ts';
import { currentSpan, markFailed, spansOfManyClaims } from './spans.ts';

const knownMethods = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'],
]);

/** A SERVER span for each request: in the trace of its `traceparent` if that is well formed, else in a new trace. */
export function requestSpans(tracer: Tracer): TraceRequest {
  const propagator = new W3CTraceContextPropagator();
  return ({ id, method: given, url, route, httpVersion, headers }) => {
    const method = knownMethods.has(given) ? given : '_OTHER';
    const name = method === '_OTHER' ? 'HTTP' : method;
    const span = tracer.startSpan(
      route === undefined ? name : `${name} ${route}`,
      {
        kind: SpanKind.SERVER,
        attributes: {
          [ATTR_HTTP_REQUEST_METHOD]: method,
          [ATTR_URL_PATH]: pathOf(url),
          [ATTR_URL_SCHEME]: 'http',
          [ATTR_NETWORK_PROTOCOL_VERSION]: httpVersion,
          'firstcome.request.id': id,
          ...(route !== undefined && { [ATTR_HTTP_ROUTE]: route }),
        },
      },
      propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter),
    );
    return {
      traceId: span.spanContext().traceId,
      run: (next) => currentSpan.run(span, next),
      holdsClaims(count) {
        spansOfManyClaims.add(span);
        span.setAttribute('firstcome.call.claims', count);
      },
      end(status) {
        if (status === undefined) markFailed(span, 'client_gone');
        else {
          span.setAttribute(ATTR_HTTP_RESPONSE_STATUS_CODE, status);
          if (status >= 500) markFailed(span, String(status));
        }
        span.end();
      },
    };
  };
}

// Enough for a name of 128 characters, each of them percent-encoded, and the rest of any route.
const pathLengthMax = 2048;

/** The path alone. An absolute URL may hold a password before it, and a query may hold values after it. */
function pathOf(url: string): string {
  const path = url.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '');
  return path.slice(0, pathLengthMax);
}
