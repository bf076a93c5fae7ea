// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { ClaimCommand } from '../../../core/claims/claim.ts';
import { BatchMemory } from '../batch-calls/batch-memory.ts';
import { type Entries, entryProblems, requireEntries } from '../batch-calls/entries.ts';
import { ResultTexts, resultsBody } from '../batch-calls/result-texts.ts';
import { bugLog } from '../problems/error-handler.ts';
import type { ProblemDetails } from '../problems/problem.ts';
import { toProblemDetails } from '../problems/to-problem.ts';
import { batchBytesMax } from '../requests/json-body.ts';
import { preferenceOf } from '../requests/prefer.ts';
import type { Route } from '../route.ts';
import { ClaimEntries, ClaimResultsBody } from '../schemas/batch-calls.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';
import { PreferHeader } from '../schemas/tickets.ts';
import { jsonType } from '../send-head.ts';

/** `POST /api/claims/batch`: takes units of coupons for many users, each claim by itself. */
export const claimBatchRoute: Route = (app, dependencies) => {
  const { claimCoupon, claimRefused, claimsArrived, limitEntries, newClaimId, tickets } =
    dependencies;
  const logBug = bugLog(dependencies.log);
  const memory = new BatchMemory();

  /** Why claims of a call do not reach the engine, which counts only what reaches it. */
  const problemsOf = async (
    request: FastifyRequest,
    reply: FastifyReply,
    entries: Entries,
  ): Promise<(ProblemDetails | undefined)[]> => {
    const invalid = entryProblems(entries, request.validationError?.validation);
    const users = entries.map((entry, index) => (invalid.has(index) ? undefined : entry.user_id));
    const beyond = (await limitEntries?.(request, reply, users)) ?? [];
    return entries.map((_, index) => {
      if (beyond[index] !== undefined) return beyond[index];
      const problem = invalid.get(index);
      if (problem !== undefined) claimRefused(problem.code);
      return problem;
    });
  };

  const resultOf = (command: ClaimCommand, texts: ResultTexts, request: FastifyRequest) =>
    claimCoupon(command).then(
      (answer) => texts.answer(answer, command),
      (error: unknown) => {
        const details = toProblemDetails(error);
        if (details.code === 'internal') logBug(request, error);
        return texts.problem(details);
      },
    );

  app.post(
    '/api/claims/batch',
    {
      config: { access: 'claim-batch' },
      bodyLimit: batchBytesMax,
      preParsing: memory.countBody,
      preValidation: requireEntries,
      // A claim that the schema refuses must not fail the others.
      attachValidation: true,
      schema: {
        operationId: 'claimBatch',
        tags: ['claims'],
        summary: 'Make many claims in one call',
        description:
          'Each claim is decided as if it had come alone, in the order of the list, and has a result of its own: the body of the ' +
          'single call with its `status`. One claim that is not valid or is refused does not touch the others. The response is sent ' +
          'when all are answered. Each claim has its own `idempotency_key`, and counts as one request in every rate limit. ' +
          '`Prefer` counts for the call. A claim that was sent is decided also if its caller disconnects. User tokens are refused.',
        headers: Type.Object({ prefer: PreferHeader }),
        body: ClaimEntries,
        response: {
          200: ref(ClaimResultsBody),
          ...problemResponses(400, 401, 403, 413, 503),
        },
      },
    },
    async (request, reply) => {
      const { claims } = request.body;
      memory.holdResults(reply.raw, claims.length);
      request.trace?.holdsClaims(claims.length);
      claimsArrived(claims.length);
      const problems = await problemsOf(request, reply, claims);
      const texts = new ResultTexts({ requestId: request.id, traceId: request.trace?.traceId });
      const preference = tickets?.takesClaims ? preferenceOf(request.headers.prefer) : undefined;
      // All enter their lanes in this turn of the event loop, in their order.
      const results = claims.map((entry, index) => {
        const problem = problems[index];
        if (problem !== undefined) return texts.problem(problem);
        const command = toCommand(entry, newClaimId(), preference?.waitMs);
        return resultOf(command, texts, request);
      });
      // Members that the service does not know may be most of the body.
      claims.length = 0;
      const body = resultsBody(await Promise.all(results));
      if (preference?.applied !== undefined && texts.hasAccepted) {
        reply.header('Preference-Applied', preference.applied);
      }
      return reply.header('Content-Type', jsonType).send(body);
    },
  );
};

function toCommand(
  { coupon_name: couponName, user_id: userId, idempotency_key: idempotencyKey }: Entries[number],
  claimId: string,
  waitMs: number | undefined,
): ClaimCommand {
  return { couponName, userId, idempotencyKey, claimId, waitMs };
}
