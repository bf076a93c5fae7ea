// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import type { ClaimAnswer } from '../../../core/claims/claim.ts';
import { entryProblems, requireEntries } from '../batch-calls/entries.ts';
import { ResultTexts, resultsBody } from '../batch-calls/result-texts.ts';
import { bugLog } from '../problems/error-handler.ts';
import { toProblemDetails } from '../problems/to-problem.ts';
import { batchBytesMax } from '../requests/json-body.ts';
import { preferenceOf } from '../requests/prefer.ts';
import type { Route } from '../route.ts';
import { ClaimEntries, ClaimResultsBody } from '../schemas/batch-calls.ts';
import { problemResponses, ref } from '../schemas/responses.ts';
import { PreferHeader } from '../schemas/tickets.ts';
import { jsonType } from '../send-head.ts';

/** `POST /api/claims/batch`: takes units of coupons for many users, each claim by itself. */
export const claimBatchRoute: Route = (app, dependencies) => {
  const { claimCoupon, claimRefused, newClaimId, tickets } = dependencies;
  const logBug = bugLog(dependencies.log);
  app.post(
    '/api/claims/batch',
    {
      config: { access: 'claim-batch' },
      bodyLimit: batchBytesMax,
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
      const refused = entryProblems(claims, request.validationError?.validation);
      const preference = tickets?.takesClaims ? preferenceOf(request.headers.prefer) : undefined;
      const texts = new ResultTexts({ requestId: request.id, traceId: request.trace?.traceId });
      const results = claims.map((entry, index) => {
        const problem = refused.get(index);
        if (problem !== undefined) {
          claimRefused(problem.code);
          return texts.problem(problem);
        }
        return claimCoupon({
          couponName: entry.coupon_name,
          userId: entry.user_id,
          idempotencyKey: entry.idempotency_key,
          claimId: newClaimId(),
          waitMs: preference?.waitMs,
        }).then(
          (answer: ClaimAnswer) => texts.answer(answer, entry),
          (error: unknown) => {
            const details = toProblemDetails(error);
            if (details.code === 'internal') logBug(request, error);
            return texts.problem(details);
          },
        );
      });
      const body = resultsBody(await Promise.all(results));
      return reply.header('Content-Type', jsonType).send(body);
    },
  );
};
