// SPDX-License-Identifier: GPL-3.0-or-later
import http from 'node:http';
import https from 'node:https';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { Participant } from '../../core/sagas/definition.ts';
import type { CallAnswer, CallStep, StepCall } from '../../core/sagas/ports.ts';
import type { CallResult } from './call-receiver.ts';
import { secondsOfRetryAfter } from './retry-after.ts';
import {
  failureOf,
  idleMs,
  lateAfter,
  responseBytesMax,
  SignedCalls,
  targetOf,
} from './signed-calls.ts';

// Of all other statuses from 400 to 499 the participant is sure: it has done nothing, and will not. One that cannot verify a call
// (401), or a proxy before it (407), knows nothing of earlier calls with the key.
const undecided = [401, 407, 408, 409, 425, 429];

/**
 * Calls the participants of sagas. Their addresses are the operator's own, so none is refused. No redirect is followed and no
 * proxy is used.
 */
export function createCallStep(options: {
  participants: ReadonlyMap<string, Participant>;
  userAgent: string;
}): { call: CallStep; close(): void } {
  const { participants, userAgent } = options;
  const agents = {
    // Whatever the environment says.
    'https:': openAgents((more) => new https.Agent({ ...more, rejectUnauthorized: true })),
    'http:': openAgents((more) => new http.Agent(more)),
  };
  const calls = new SignedCalls({ userAgent, responseBytesMax });
  const call: CallStep = async (stepCall, signal) => {
    const { step, direction, idempotencyKey, traceparent } = stepCall;
    const participant = participants.get(step.participant);
    const path = direction === 'run' ? step.runPath : step.undoPath;
    if (participant === undefined) return notCalled('the participant is not in SAGAS_FILE');
    if (path === null) return notCalled('the step cannot be undone');
    const url = new URL(`${participant.url}${path}`);
    const target = targetOf(url, agents[url.protocol === 'https:' ? 'https:' : 'http:']);
    const message = {
      ...{ messageId: idempotencyKey, body: bodyOf(stepCall) },
      secrets: [participant.secret.reveal()],
      headers: {
        'idempotency-key': idempotencyKey,
        ...(traceparent !== undefined && { traceparent }),
      },
    };
    const { timeoutMs } = step;
    const { result, isLate } = await calls.send(target, message, { timeoutMs, signal });
    return answerOf(result, { direction, lateAfterMs: isLate ? timeoutMs : undefined });
  };
  return {
    call,
    close() {
      calls.close();
      for (const { kept, fresh } of Object.values(agents)) {
        kept.destroy();
        fresh.destroy();
      }
    },
  };
}

/**
 * As many connections as there are calls under way: one that waited for a connection would use up its time, and count as a call
 * that was not answered. The sagas limit how many there are.
 */
function openAgents(open: (options: http.AgentOptions) => http.Agent) {
  return { kept: open({ keepAlive: true, timeout: idleMs }), fresh: open({}) };
}

/** The same text for each attempt, also where the step was stored meanwhile: PostgreSQL has an order of members of its own. */
function bodyOf({ sagaId, sagaName, step, claim }: StepCall): string {
  return canonicalJson({
    saga_id: sagaId,
    saga: sagaName,
    step: step.name,
    claim: {
      claim_id: claim.claimId,
      coupon_name: claim.couponName,
      user_id: claim.userId,
      position: claim.position,
      claimed_at: claim.claimedAt,
    },
    data: step.data,
  });
}

function notCalled(error: string): CallAnswer {
  return { kind: 'unknown', status: null, error, retryAfterSeconds: undefined };
}

function answerOf(
  result: CallResult,
  { direction, lateAfterMs }: { direction: StepCall['direction']; lateAfterMs: number | undefined },
): CallAnswer {
  if (result.kind === 'failed') {
    return notCalled(lateAfterMs === undefined ? failureOf(result.error) : lateAfter(lateAfterMs));
  }
  const { status, isWhole } = result;
  const retryAfterSeconds = secondsOfRetryAfter(result.retryAfter, Date.now());
  if (!isWhole) {
    const error = 'the answer did not end within the limits of time and size';
    return { kind: 'unknown', status, error, retryAfterSeconds };
  }
  if (status >= 200 && status < 300) return { kind: 'done', status };
  const error = `the answer had the status ${status}`;
  const isSure = status >= 400 && status < 500 && !undecided.includes(status);
  // An undo cannot be declined: what was done must be undone.
  if (isSure && direction === 'run') return { kind: 'declined', status, error };
  return { kind: 'unknown', status, error, retryAfterSeconds };
}
