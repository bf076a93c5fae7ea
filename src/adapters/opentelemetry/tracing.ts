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
import type { TraceRequest, TraceStatement } from '../../core/tracing.ts';
import { ClaimSpans } from './claim-spans.ts';
import { requestSpans } from './request-spans.ts';
import { currentSpan } from './spans.ts';
import { statementSpans } from './statement-spans.ts';

/** Where traces go, and who hears that they do not arrive. */
export type TracingOptions = {
  /** Base URL of the collector. */
  endpoint: string;
  version: string;
  /** How long one export may take, its repetitions included. */
  exportTimeoutMs: number;
  warn(event: Record<string, unknown>, message: string): void;
};

/** What traces the parts of one process. */
export type Tracing = {
  traceRequest: TraceRequest;
  traceStatement: TraceStatement;
  claims: ClaimSpans;
  /** The trace id for what is logged now; nothing outside of a traced request. */
  idOfNow(): { trace_id?: string };
  /** Sends what is left, for at most `timeoutMs`. Never rejects. */
  stop(timeoutMs: number): Promise<void>;
};

/**
 * Starts the tracing of this process. The queue of ended spans is bounded, and spans beyond it are dropped: a collector
 * that is slow or away never makes a claim wait.
 */
export function startTracing(options: TracingOptions): Tracing {
  const told = reportDiagnostics(options.warn);
  try {
    const tracing = createTracing(options);
    told.started();
    return {
      ...tracing,
      async stop(timeoutMs) {
        await tracing.stop(timeoutMs);
        told.end();
      },
    };
  } catch (error) {
    told.end();
    throw error;
  }
}

/**
 * Logs what the packages do not understand of their variables, which they read while they are set up, and after
 * `started` once that spans were dropped. Else they would tell of every export that fails and every link too many.
 */
function reportDiagnostics(warn: TracingOptions['warn']): { started(): void; end(): void } {
  let starting = true;
  let toldOfDrops = false;
  const tell = (reason: string) => {
    if (starting) {
      warn({ reason }, 'a variable of OpenTelemetry is not understood and has no effect');
    } else if (!toldOfDrops && /^Dropped \d+ spans /.test(reason)) {
      toldOfDrops = true;
      warn(
        { reason },
        'spans end faster than the collector takes them, and some are dropped; claims go on',
      );
    }
  };
  const ignore = () => undefined;
  diag.setLogger(
    { error: tell, warn: tell, info: ignore, debug: ignore, verbose: ignore },
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
    tellingOnce(exporter, (reason) =>
      options.warn(
        { url, reason },
        'traces cannot be sent to the collector and are dropped; claims go on',
      ),
    ),
  );
  const provider = new BasicTracerProvider({ resource, spanProcessors: [processor] });
  const sampler = new AlwaysOnSampler();
  const ofBatches = new BasicTracerProvider({ resource, sampler, spanProcessors: [processor] });
  const tracer = provider.getTracer('firstcome', options.version);
  return {
    traceRequest: requestSpans(tracer),
    traceStatement: statementSpans(tracer),
    claims: new ClaimSpans(tracer, ofBatches.getTracer('firstcome', options.version)),
    idOfNow() {
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

/** Tells of an export that failed, and then of none until one has succeeded. */
function tellingOnce(
  exporter: SpanExporter,
  tell: (reason: string | undefined) => void,
): SpanExporter {
  let told = false;
  return {
    export(spans, onResult) {
      exporter.export(spans, (result: ExportResult) => {
        const failed = result.code === ExportResultCode.FAILED;
        if (failed && !told) tell(result.error?.message);
        told = failed;
        onResult({ code: ExportResultCode.SUCCESS });
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  };
}
