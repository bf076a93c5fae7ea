// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Traces of one process, sent to a collector over OTLP. Only this folder imports OpenTelemetry, and it is loaded only when
 * a collector is configured. Nothing is registered globally.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { DiagLogLevel, diag } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base';
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions';
import type { CallStep } from '../../core/sagas/ports.ts';
import type { TraceRequest, TraceStatement } from '../../core/tracing.ts';
import type { SendEvent } from '../../core/webhooks/ports.ts';
import { ClaimSpans } from './claim-spans.ts';
import { deliverySpans } from './delivery-spans.ts';
import { requestSpans } from './request-spans.ts';
import { ChosenIds, SagaSpans } from './saga-spans.ts';
import { spanClock, withClock } from './span-clock.ts';
import { currentSpan } from './spans.ts';
import { statementSpans } from './statement-spans.ts';
import { TicketSpans } from './ticket-spans.ts';

/** Where traces are sent, and where failures are logged. */
export type TracingOptions = {
  /** Base URL of the collector. */
  endpoint: string;
  version: string;
  /** How long one export may take, including its retries. */
  exportTimeoutMs: number;
  warn(event: Record<string, unknown>, message: string): void;
};

/** Traces one process. */
export type Tracing = {
  traceRequest: TraceRequest;
  traceStatement: TraceStatement;
  claims: ClaimSpans;
  tickets: TicketSpans;
  /** Wraps the calls of sagas. */
  traceCall(call: CallStep): CallStep;
  /** Wraps the sending of events. */
  traceSend(send: SendEvent): SendEvent;
  /** The trace id for a log line of the running code; nothing outside of a traced request. */
  currentTraceId(): { trace_id?: string };
  /** Sends the remaining spans, for at most `timeoutMs`. Never rejects. */
  stop(timeoutMs: number): Promise<void>;
};

/**
 * Starts the tracing of this process. The queue of ended spans is bounded, and spans beyond it are dropped: a collector
 * that is slow or unreachable never delays a claim.
 */
export function startTracing(options: TracingOptions): Tracing {
  const diagnostics = logDiagnostics(options.warn);
  try {
    const tracing = createTracing(options);
    diagnostics.started();
    return {
      ...tracing,
      async stop(timeoutMs) {
        await tracing.stop(timeoutMs);
        diagnostics.end();
      },
    };
  } catch (error) {
    diagnostics.end();
    throw error;
  }
}

/**
 * Logs the environment variables that the packages do not understand, which they read while they are set up; after
 * `started` only the first time that spans are dropped. The packages report every failed export and every surplus link.
 */
function logDiagnostics(warn: TracingOptions['warn']): { started(): void; end(): void } {
  let starting = true;
  let isDropLogged = false;
  const log = (reason: string) => {
    if (starting) {
      warn({ reason }, 'a variable of OpenTelemetry is not understood and has no effect');
    } else if (!isDropLogged && /^Dropped \d+ spans /.test(reason)) {
      isDropLogged = true;
      warn(
        { reason },
        'the collector is slower than the service, and some spans are dropped; claims are not affected',
      );
    }
  };
  const ignore = () => undefined;
  diag.setLogger(
    { error: log, warn: log, info: ignore, debug: ignore, verbose: ignore },
    { suppressOverrideMessage: true, logLevel: DiagLogLevel.WARN },
  );
  return {
    started() {
      starting = false;
    },
    end: () => diag.disable(),
  };
}

function createTracing(options: TracingOptions): Tracing {
  const resource = defaultResource()
    .merge(
      resourceFromAttributes({
        [ATTR_SERVICE_NAME]: 'firstcome',
        [ATTR_SERVICE_VERSION]: options.version,
        'service.instance.id': randomUUID(),
      }),
    )
    .merge(detectResources({ detectors: [envDetector] }));
  const url = `${options.endpoint.replace(/\/+$/, '')}/v1/traces`;
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: options.exportTimeoutMs });
  const processor = new BatchSpanProcessor(
    reportingOnce(exporter, (reason) =>
      options.warn(
        { url, reason },
        'traces cannot be sent to the collector and are dropped; claims are not affected',
      ),
    ),
  );
  const idGenerator = new ChosenIds();
  const provider = new BasicTracerProvider({ resource, idGenerator, spanProcessors: [processor] });
  const sampler = new AlwaysOnSampler();
  const batchProvider = new BasicTracerProvider({ resource, sampler, spanProcessors: [processor] });
  const nowMs = spanClock({ wallMs: () => Date.now(), monotonicMs: () => performance.now() });
  const tracer = withClock(provider.getTracer('firstcome', options.version), nowMs);
  const batchTracer = withClock(batchProvider.getTracer('firstcome', options.version), nowMs);
  const sagas = new SagaSpans(tracer, idGenerator);
  return {
    traceRequest: requestSpans(tracer),
    traceStatement: statementSpans(tracer),
    claims: new ClaimSpans(tracer, batchTracer, sagas),
    tickets: new TicketSpans(tracer, batchTracer),
    traceCall: sagas.traceCall,
    traceSend: deliverySpans(tracer),
    currentTraceId() {
      const span = currentSpan.getStore();
      return span === undefined ? {} : { trace_id: span.spanContext().traceId };
    },
    async stop(timeoutMs) {
      const ending = new AbortController();
      const deadline = sleep(timeoutMs, undefined, { signal: ending.signal }).catch(
        () => undefined,
      );
      await Promise.race([provider.shutdown().catch(() => undefined), deadline]);
      ending.abort();
    },
  };
}

/** Reports an export that failed, and then no other until one has succeeded. */
function reportingOnce(
  exporter: SpanExporter,
  report: (reason: string | undefined) => void,
): SpanExporter {
  let isReported = false;
  return {
    export(spans, onResult) {
      exporter.export(spans, (result: ExportResult) => {
        const failed = result.code === ExportResultCode.FAILED;
        if (failed && !isReported) report(result.error?.message);
        isReported = failed;
        onResult({ code: ExportResultCode.SUCCESS });
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  };
}
