// SPDX-License-Identifier: GPL-3.0-or-later
import { ROOT_CONTEXT, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { describe, expect, it } from 'vitest';
import type { Claim } from '../../core/claims/claim.ts';
import type { CallAnswer, StepCall } from '../../core/sagas/ports.ts';
import { ChosenIds, SagaSpans } from './saga-spans.ts';

const sagaId = '01a22456-55a9-8411-a5e4-014f3bdbf66b';
const [traceId, rootId] = ['01a2245655a98411a5e4014f3bdbf66b', 'a5e4014f3bdbf66b'];
const claim: Claim & { sagaId: string } = {
  ...{ claimId: '01a22456-55a9-7411-a5e4-014f3bdbf66b', couponName: 'SAGA', userId: 'ada' },
  ...{ position: 1, claimedAt: '2026-11-28T22:46:07.561493Z', state: 'reserved', sagaId },
};
const stepCall: StepCall = {
  ...{ sagaId, sagaName: 'checkout', direction: 'run', claim },
  idempotencyKey: `${sagaId}:authorize:run`,
  step: {
    ...{ name: 'authorize', kind: 'payment', participant: 'payment', runPath: '/authorize' },
    ...{ undoPath: '/void', data: {}, timeoutMs: 1, attemptsMax: 1, undoAttemptsMax: 1 },
    backoffMs: 1,
  },
};

/** The spans of one process. */
function startProcess({ samples = true } = {}) {
  const ids = new ChosenIds();
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    ...{ idGenerator: ids, sampler: samples ? new AlwaysOnSampler() : new AlwaysOffSampler() },
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer('test');
  const sagas = new SagaSpans(tracer, ids);
  const traceparents: (string | undefined)[] = [];
  const call = (answer: CallAnswer) =>
    sagas.traceCall(async ({ traceparent }) => {
      traceparents.push(traceparent);
      return answer;
    })(stepCall, new AbortController().signal);
  const claimRequest = () => {
    const request = tracer.startSpan('POST /api/coupons/claim', {}, ROOT_CONTEXT);
    sagas.linkRequest(request, claim);
    request.end();
    return request.spanContext();
  };
  return { sagas, call, claimRequest, traceparents, spans: () => exporter.getFinishedSpans() };
}

const done: CallAnswer = { kind: 'done', status: 204 };
const linksOf = ({ links }: ReadableSpan) => links.map(({ context }) => context.spanId);

describe('the spans of a saga', () => {
  it('are in one trace, whichever process makes a call, under a root that its end adds', async () => {
    const [one, other] = [startProcess(), startProcess()];
    await one.call(done);
    await other.call(done);
    other.sagas.end(claim, 'done');
    const calls = [...one.spans(), ...other.spans()].filter(({ kind }) => kind === SpanKind.CLIENT);
    expect(calls.map(({ name }) => name)).toEqual(['run authorize', 'run authorize']);
    for (const span of calls) {
      expect(span.spanContext().traceId).toBe(traceId);
      expect(span.parentSpanContext?.spanId).toBe(rootId);
    }
    const root = other.spans().find(({ name }) => name === 'saga');
    expect(root?.spanContext()).toMatchObject({ traceId, spanId: rootId });
    expect(root?.attributes).toEqual({
      'firstcome.saga.id': sagaId,
      'firstcome.claim.id': claim.claimId,
      'firstcome.saga.state': 'done',
    });
    expect(root?.startTime[0]).toBe(Math.floor(Date.parse(claim.claimedAt) / 1_000));
    expect(one.spans().map(({ name }) => name)).not.toContain('saga');
  });

  it('and the request of its claim link to each other in the process that has had the request', async () => {
    const { sagas, call, claimRequest, spans } = startProcess();
    const { spanId, traceId: ofRequest } = claimRequest();
    expect(ofRequest).not.toBe(traceId);
    await call(done);
    sagas.end(claim, 'compensated');
    await call(done);
    const [request, first, root, late] = spans();
    expect(request?.links[0]?.context).toMatchObject({ traceId, spanId: rootId });
    expect(first && linksOf(first)).toEqual([spanId]);
    expect(root && linksOf(root)).toEqual([spanId]);
    // What has ended is forgotten.
    expect(late && linksOf(late)).toEqual([]);
  });

  it('show what became of a call, and no answer as a failure', async () => {
    const { call, spans, traceparents } = startProcess();
    await call({ kind: 'declined', status: 402, error: 'the answer had the status 402' });
    await call({ kind: 'unknown', status: null, error: 'secret', retryAfterSeconds: undefined });
    const [declined, unknown] = spans();
    expect(declined).toMatchObject({
      attributes: { 'firstcome.saga.call.result': 'declined', 'http.response.status_code': 402 },
      status: { code: SpanStatusCode.UNSET },
    });
    expect(unknown).toMatchObject({
      attributes: { 'firstcome.saga.call.result': 'unknown', 'error.type': 'no_answer' },
      status: { code: SpanStatusCode.ERROR },
    });
    expect(JSON.stringify(spans().map(({ attributes }) => attributes))).not.toMatch(/secret|ada/);
    expect(traceparents).toEqual(
      [declined, unknown].map((span) => `00-${traceId}-${span?.spanContext().spanId}-01`),
    );
  });

  it('are sampled as a whole, and a participant is given the decision', async () => {
    const { sagas, call, claimRequest, spans, traceparents } = startProcess({ samples: false });
    claimRequest();
    await call(done);
    sagas.end(claim, 'done');
    expect(spans()).toEqual([]);
    expect(traceparents[0]).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
  });
});
