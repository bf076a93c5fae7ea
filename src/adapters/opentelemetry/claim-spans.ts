// SPDX-License-Identifier: GPL-3.0-or-later

import { type Span, type SpanContext, SpanKind, type Tracer } from '@opentelemetry/api';
import type { Claim, ClaimChange } from '../../core/claims/claim.ts';
import type {
  BatchAnswer,
  BatchCommand,
  ClaimBatch,
  ClaimStore,
  EngineLog,
  MultiCouponAnswer,
} from '../../core/claims/ports.ts';
import { OldestOut } from '../../core/oldest-out.ts';
import type { SagaSpans } from './saga-spans.ts';
import { contextOf, currentSpan, errorType, markFailed, spansOfManyClaims } from './spans.ts';

/** A traced claim, or change of one, until it is answered; `wait` is its span in the lane while it is not under way. */
type TracedClaim = { request: Span; wait: Span | undefined };

/** A change has an epoch where the saga of the claim asks for it. */
type SagaCommand = { change?: ClaimChange; sagaEpoch?: string | undefined };

/** A part of the engine that decides claims, or changes of claims. */
type Decide<Command, Outcome> = (command: Command) => Promise<Outcome>;

// Batches in doubt beyond these are resolved without a trace, oldest first.
const inDoubtMax = 1_000;

/**
 * Spans of the engine, as wrappers around its parts; the core does not know them. The wait of a claim, or of a change
 * of one, in its lane is a child of its request. A batch belongs to many requests, so it has a trace of its own: each
 * request links to its batch, and the batch to its requests, as many as the limits of a span allow.
 */
export class ClaimSpans {
  private readonly tracer: Tracer;
  private readonly batchTracer: Tracer;
  private readonly sagas: SagaSpans;
  /** By the command, which the core passes on as it is. */
  private readonly claims = new Map<BatchCommand, TracedClaim>();
  /** The outcomes of claims that share the span of their request. */
  private readonly outcomes = new WeakMap<Span, Map<string, number>>();
  /** The spans of batches in doubt, at most the last `inDoubtMax`. */
  private readonly inDoubt = new OldestOut<Span>(inDoubtMax);

  /** `batchTracer` samples every span: a batch is traced when one of its requests is. */
  constructor(tracer: Tracer, batchTracer: Tracer, sagas: SagaSpans) {
    this.tracer = tracer;
    this.batchTracer = batchTracer;
    this.sagas = sagas;
  }

  /** Sets the outcome of the claim, or of the change, on the request's span. A claim begins a saga, and its saga ends it. */
  readonly traceOutcome = <Command, Outcome extends { outcome: string; claim?: unknown }>(
    decide: Decide<Command, Outcome>,
  ): Decide<Command, Outcome> => {
    return async (command) => {
      const span = currentSpan.getStore();
      try {
        const outcome = await decide(command);
        this.setOutcome(span, outcome.outcome);
        this.traceSaga(command as SagaCommand, outcome, span);
        return outcome;
      } catch (error) {
        this.setOutcome(span, errorType(error));
        throw error;
      }
    };
  };

  /** Traces how long each claim or change waits in its lane. */
  readonly traceWait = <Command extends BatchCommand, Outcome>(
    decide: Decide<Command, Outcome>,
  ): Decide<Command, Outcome> => {
    return async (command) => {
      const request = currentSpan.getStore();
      if (!request?.isRecording()) return decide(command);
      const claim: TracedClaim = { request, wait: undefined };
      this.claims.set(command, claim);
      this.startWait(claim);
      try {
        return await decide(command);
      } catch (error) {
        if (claim.wait !== undefined) markFailed(claim.wait, errorType(error));
        throw error;
      } finally {
        claim.wait?.end();
        this.claims.delete(command);
      }
    };
  };

  /** Traces each batch and multi-coupon batch from its sending to its answer, and how a batch in doubt is resolved. */
  readonly traceStore = (store: ClaimStore): ClaimStore => {
    return {
      ...store,
      decideBatch: async (batch) => {
        const span = this.startBatch('claim batch', [batch]);
        if (span === undefined) return currentSpan.exit(() => store.decideBatch(batch));
        const answer = await this.endAfter(span, () => store.decideBatch(batch));
        this.recordAnswer(span, [batch], answer);
        return answer;
      },
      claimMultiCoupon: async (batches) => {
        const span = this.startBatch('claim multi-coupon batch', batches);
        if (span === undefined) return currentSpan.exit(() => store.claimMultiCoupon(batches));
        const answer = await this.endAfter(span, () => store.claimMultiCoupon(batches));
        this.recordAnswer(span, batches, answer);
        return answer;
      },
      resolveBatch: async (couponName, batchId) => {
        const batch = this.inDoubt.get(batchId);
        if (batch === undefined) {
          return currentSpan.exit(() => store.resolveBatch(couponName, batchId));
        }
        const attributes = { 'firstcome.batch.id': batchId };
        const span = this.batchTracer.startSpan('resolve batch', { attributes }, contextOf(batch));
        return this.endAfter(span, async () => {
          const resolution = await store.resolveBatch(couponName, batchId);
          span.setAttribute('firstcome.batch.resolution', resolution.kind);
          return resolution;
        });
      },
    };
  };

  /** Adds its trace id to a log line about a batch in doubt. */
  readonly traceLog = (log: EngineLog): EngineLog => {
    return {
      warn: (event, message) => {
        const batch = this.inDoubt.get(String(event.batchId));
        log.warn(batch ? { ...event, trace_id: batch.spanContext().traceId } : event, message);
      },
    };
  };

  private traceSaga(
    { change, sagaEpoch }: SagaCommand,
    { outcome, claim }: { outcome: string; claim?: unknown },
    request: Span | undefined,
  ): void {
    if (!isOfSaga(claim)) return;
    if (outcome === 'claimed' && request?.isRecording()) this.sagas.linkRequest(request, claim);
    if (outcome === 'changed' && sagaEpoch !== undefined) {
      this.sagas.end(claim, change === 'confirm' ? 'done' : 'compensated');
    }
  }

  /** Of many claims in one request the span has the number of each outcome. */
  private setOutcome(span: Span | undefined, outcome: string): void {
    if (span === undefined) return;
    if (!spansOfManyClaims.has(span)) {
      span.setAttribute('firstcome.claim.outcome', outcome);
      return;
    }
    const counts = this.outcomes.get(span) ?? new Map<string, number>();
    this.outcomes.set(span, counts);
    const count = (counts.get(outcome) ?? 0) + 1;
    counts.set(outcome, count);
    span.setAttribute(`firstcome.call.claims.${outcome}`, count);
  }

  private startWait(claim: TracedClaim): void {
    if (spansOfManyClaims.has(claim.request)) return;
    claim.wait = this.tracer.startSpan('wait in lane', {}, contextOf(claim.request));
  }

  /** Undefined when none of its claims is traced. */
  private startBatch(name: string, batches: readonly ClaimBatch[]): Span | undefined {
    const claims = this.tracedClaimsOf(batches);
    if (claims.length === 0) return undefined;
    const requests = new Set(claims.map(({ request }) => request));
    const links = [...requests].map((request) => toLink(request.spanContext()));
    const size = batches.reduce((sum, { commands }) => sum + commands.length, 0);
    const span = this.batchTracer.startSpan(name, {
      ...{ kind: SpanKind.INTERNAL, root: true, links },
      attributes: {
        'firstcome.batch.id': batches.map(({ batchId }) => batchId).join(' '),
        'firstcome.batch.claims': size,
      },
    });
    const link = toLink(span.spanContext());
    for (const request of requests) request.addLink(link);
    for (const claim of claims) {
      claim.wait?.end();
      claim.wait = undefined;
    }
    return span;
  }

  /** Starts a new wait for the claims that the answer leaves undecided. */
  private recordAnswer(
    span: Span,
    batches: readonly ClaimBatch[],
    answer: BatchAnswer | MultiCouponAnswer,
  ): void {
    if (answer.kind === 'unknown') {
      for (const { batchId } of batches) this.keepInDoubt(batchId, span);
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

  /** The span has ended, but its ids can still be read. */
  private keepInDoubt(batchId: string, span: Span): void {
    this.inDoubt.set(batchId, span);
  }

  private waitAgain(batches: readonly ClaimBatch[]): void {
    for (const claim of this.tracedClaimsOf(batches)) this.startWait(claim);
  }

  private tracedClaimsOf(batches: readonly ClaimBatch[]): TracedClaim[] {
    return batches.flatMap(({ commands }) =>
      commands.flatMap((command) => this.claims.get(command) ?? []),
    );
  }

  /** Runs a call in the span and ends it; a failure, a refusal or a lost answer marks the span as failed. */
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

function isOfSaga(claim: unknown): claim is Claim & { sagaId: string } {
  return (claim as Claim | undefined)?.sagaId !== undefined;
}

function toLink(context: SpanContext) {
  return { context };
}
