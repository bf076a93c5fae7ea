// SPDX-License-Identifier: GPL-3.0-or-later
import { type Span, type SpanContext, SpanKind, type Tracer } from '@opentelemetry/api';
import type { ClaimCoupon } from '../../core/claims/claim-coupon.ts';
import type { ClaimOutcome } from '../../core/claims/claim-outcome.ts';
import type {
  BatchAnswer,
  ClaimAttempt,
  ClaimBatch,
  ClaimStore,
  EngineLog,
  MultiCouponAnswer,
} from '../../core/claims/ports.ts';
import { contextOf, currentSpan, errorType, markFailed } from './spans.ts';

type Lanes = { claim(attempt: ClaimAttempt): Promise<ClaimOutcome> };

/** A claim that is traced, until it is answered; `wait` is its span in the lane while it is not under way. */
type TracedClaim = { request: Span; wait: Span | undefined };

// Beyond these the oldest is settled without a trace.
const lostMax = 1_000;

/**
 * Spans of the engine, by wrapping what it is joined from; the core knows nothing of them. A claim's wait in its lane is
 * a child of its request. A batch belongs to many requests, so it has a trace of its own: each request links to its
 * batch, and the batch to its requests, as many as the limits of a span allow.
 */
export class ClaimSpans {
  private readonly tracer: Tracer;
  private readonly batchTracer: Tracer;
  private readonly claims = new Map<string, TracedClaim>();
  /** Batches whose answer was lost, the last 1,000. */
  private readonly lost = new Map<string, Span>();

  /** `batchTracer` records whatever it is asked for: a batch is traced when one of its requests is. */
  constructor(tracer: Tracer, batchTracer: Tracer) {
    this.tracer = tracer;
    this.batchTracer = batchTracer;
  }

  /** Tells on the request's span what its claim heard. */
  wrapClaimCoupon(claimCoupon: ClaimCoupon): ClaimCoupon {
    return async (command) => {
      const span = currentSpan.getStore();
      try {
        const outcome = await claimCoupon(command);
        span?.setAttribute('firstcome.claim.outcome', outcome.outcome);
        return outcome;
      } catch (error) {
        span?.setAttribute('firstcome.claim.outcome', errorType(error));
        throw error;
      }
    };
  }

  /** Traces how long each claim waits in its lane. */
  wrapLanes(lanes: Lanes): Lanes {
    return {
      claim: async (attempt) => {
        const request = currentSpan.getStore();
        if (!request?.isRecording()) return lanes.claim(attempt);
        const claim: TracedClaim = { request, wait: undefined };
        this.claims.set(attempt.claimId, claim);
        this.startWait(claim);
        try {
          return await lanes.claim(attempt);
        } catch (error) {
          if (claim.wait !== undefined) markFailed(claim.wait, errorType(error));
          throw error;
        } finally {
          claim.wait?.end();
          this.claims.delete(attempt.claimId);
        }
      },
    };
  }

  /** Traces each batch or bundle from its sending to its answer, and how a lost one is settled. */
  wrapStore(store: ClaimStore): ClaimStore {
    return {
      ...store,
      claimBatch: async (batch) => {
        const span = this.startBatch('claim batch', [batch]);
        if (span === undefined) return currentSpan.exit(() => store.claimBatch(batch));
        const answer = await this.endAfter(span, () => store.claimBatch(batch));
        this.tellAnswer(span, [batch], answer);
        return answer;
      },
      claimMultiCoupon: async (batches) => {
        const span = this.startBatch('claim bundle', batches);
        if (span === undefined) return currentSpan.exit(() => store.claimMultiCoupon(batches));
        const answer = await this.endAfter(span, () => store.claimMultiCoupon(batches));
        this.tellAnswer(span, batches, answer);
        return answer;
      },
      voidBatch: async (couponName, batchId) => {
        const batch = this.lost.get(batchId);
        if (batch === undefined) {
          return currentSpan.exit(() => store.voidBatch(couponName, batchId));
        }
        const attributes = { 'firstcome.batch.id': batchId };
        const span = this.batchTracer.startSpan('settle batch', { attributes }, contextOf(batch));
        return this.endAfter(span, async () => {
          const settled = await store.voidBatch(couponName, batchId);
          span.setAttribute('firstcome.batch.settled', settled);
          return settled;
        });
      },
    };
  }

  /** Adds to what is told of a lost batch the trace that it has. */
  wrapLog(log: EngineLog): EngineLog {
    return {
      warn: (event, message) => {
        const batch = this.lost.get(String(event.batchId));
        log.warn(batch ? { ...event, trace_id: batch.spanContext().traceId } : event, message);
      },
    };
  }

  private startWait(claim: TracedClaim): void {
    claim.wait = this.tracer.startSpan('wait in lane', {}, contextOf(claim.request));
  }

  /** Undefined when none of its claims is traced. */
  private startBatch(name: string, batches: readonly ClaimBatch[]): Span | undefined {
    const claims = this.tracedClaimsOf(batches);
    if (claims.length === 0) return undefined;
    const links = claims.map(({ request }) => toLink(request.spanContext()));
    const size = batches.reduce((sum, { attempts }) => sum + attempts.length, 0);
    const span = this.batchTracer.startSpan(name, {
      ...{ kind: SpanKind.INTERNAL, root: true, links },
      attributes: {
        'firstcome.batch.id': batches.map(({ batchId }) => batchId).join(' '),
        'firstcome.batch.claims': size,
      },
    });
    const link = toLink(span.spanContext());
    for (const claim of claims) {
      claim.request.addLink(link);
      claim.wait?.end();
      claim.wait = undefined;
    }
    return span;
  }

  private tellAnswer(
    span: Span,
    batches: readonly ClaimBatch[],
    answer: BatchAnswer | MultiCouponAnswer,
  ): void {
    if (answer.kind === 'unknown') {
      for (const { batchId } of batches) this.keepLost(batchId, span);
      this.waitAgain(batches);
    } else if (answer.kind === 'decided') {
      if (batches.length > 1) {
        this.waitAgain(batches.filter((_, index) => answer.outcomes[index] === undefined));
      }
    } else if (
      answer.reason === 'invalid' ||
      answer.reason === 'refused' ||
      (batches.length > 1 && answer.reason !== 'not_sent')
    ) {
      this.waitAgain(batches);
    }
  }

  /** A span that somebody reads later keeps its ids when it has ended. */
  private keepLost(batchId: string, span: Span): void {
    this.lost.set(batchId, span);
    if (this.lost.size <= lostMax) return;
    for (const oldest of this.lost.keys()) {
      this.lost.delete(oldest);
      return;
    }
  }

  private waitAgain(batches: readonly ClaimBatch[]): void {
    for (const claim of this.tracedClaimsOf(batches)) this.startWait(claim);
  }

  private tracedClaimsOf(batches: readonly ClaimBatch[]): TracedClaim[] {
    return batches.flatMap(({ attempts }) =>
      attempts.flatMap(({ claimId }) => this.claims.get(claimId) ?? []),
    );
  }

  /** Runs something in the span and ends it, marked when it failed or its answer is none that was wanted. */
  private async endAfter<Result>(span: Span, run: () => Promise<Result>): Promise<Result> {
    try {
      const result = await currentSpan.run(span, run);
      const kind = (result as { kind?: string }).kind;
      if (kind === 'unknown') markFailed(span, 'answer_lost');
      if (kind === 'refused') markFailed(span, (result as { reason?: string }).reason ?? kind);
      return result;
    } catch (error) {
      markFailed(span, errorType(error));
      throw error;
    } finally {
      span.end();
    }
  }
}

function toLink(context: SpanContext) {
  return { context };
}
