// SPDX-License-Identifier: GPL-3.0-or-later
/** Interprets the answer to a call with many claims. */
import type { Answer } from './answer-parser.ts';
import {
  type Acceptance,
  type Completion,
  completionOf,
  noAnswerCompletion,
} from './completion.ts';

/**
 * The completions of all claims of a call, in its order. A result is read as the answer that the claim alone would have had, and a
 * problem of the call as that of each claim. An answer without a result for each claim proves nothing.
 */
export function completionsOfBatch(answer: Answer, claims: number): (Completion | Acceptance)[] {
  if (answer.status !== 200)
    return Array.from({ length: claims }, () => completionOf('claim', answer));
  const results = resultsIn(answer.body);
  if (results?.length !== claims) {
    return Array.from({ length: claims }, () => ({
      ...noAnswerCompletion('unreadable_body'),
      http: answer.status,
    }));
  }
  return results.map((result) => completionOfResult(answer, result));
}

function resultsIn(body: string): unknown[] | undefined {
  try {
    const { results } = JSON.parse(body);
    return Array.isArray(results) ? results : undefined;
  } catch {
    return undefined;
  }
}

function completionOfResult(answer: Answer, result: unknown): Completion | Acceptance {
  const { status, replayed, retry_after: retryAfterS } = (result ?? {}) as Record<string, unknown>;
  if (typeof status !== 'number') return { ...noAnswerCompletion('unreadable_body'), http: 200 };
  return completionOf('claim', {
    ...{ ...answer, status, isReplay: replayed === true, body: result },
    retryAfterS: typeof retryAfterS === 'number' ? retryAfterS : undefined,
  });
}
