// SPDX-License-Identifier: GPL-3.0-or-later
/** What is known of one change of the operator: from before it is sent until its outcome is certain. */
import type { ReadResult, Refusal, Unknown, WriteResult } from '../../client.ts';

/** What a read shows after the answer of a change was lost. */
export type Found<Value> = {
  /** What was read. Undefined: it does not exist. */
  value: Value | undefined;
  /** The members that are not as they were sent. */
  differs: readonly string[];
};

/** Why it is not certain whether a change took effect. */
export type Doubt = {
  /** What the client knows of the call. Undefined: something else than the service answered. */
  unknown: Unknown | undefined;
  /** Why the last question did not decide it. */
  refusal?: Refusal;
  /** What the last read showed: the change is not there, but it may still arrive. */
  found?: Found<unknown>;
};

/** How far a change has come. */
export type WriteState<Value> =
  | { step: 'idle' }
  | { step: 'sending'; doubt: Doubt | undefined }
  /** The service refused it, and nothing has changed. */
  | { step: 'refused'; refusal: Refusal }
  /** It took effect or not. */
  | { step: 'unknown'; doubt: Doubt }
  | { step: 'done'; value: Value; status: number; wasInDoubt: boolean };

/** A request is under way. A doubt about an earlier one stays. */
export function whileSending<Value>(state: WriteState<Value>): WriteState<Value> {
  return { step: 'sending', doubt: doubtOf(state) };
}

/** The call has ended with a result. */
export function afterResult<Value>(
  state: WriteState<Value>,
  result: WriteResult<Value>,
): WriteState<Value> {
  const doubt = doubtOf(state);
  if (result.outcome === 'ok') {
    const { value, status } = result;
    return { step: 'done', value, status, wasInDoubt: doubt !== undefined };
  }
  if (result.outcome === 'unknown') return { step: 'unknown', doubt: { unknown: result } };
  // The refusal of a repeat says nothing of the first request, unless it is a decision.
  if (doubt !== undefined && !isDecision(result)) {
    return { step: 'unknown', doubt: { unknown: doubt.unknown, refusal: result } };
  }
  return { step: 'refused', refusal: result };
}

/** What the change was about has been read. */
export function afterRead<Value>(
  state: WriteState<Value>,
  result: ReadResult<Found<Value>>,
): WriteState<Value> {
  const unknown = doubtOf(state)?.unknown;
  if (result.outcome !== 'ok') return { step: 'unknown', doubt: { unknown, refusal: result } };
  const { value, differs } = result.value;
  if (value !== undefined && differs.length === 0) {
    return { step: 'done', value, status: result.status, wasInDoubt: true };
  }
  return { step: 'unknown', doubt: { unknown, found: result.value } };
}

/** Something else than the service answered, such as a proxy. */
export function afterForeignAnswer<Value>(state: WriteState<Value>): WriteState<Value> {
  return { step: 'unknown', doubt: { unknown: doubtOf(state)?.unknown } };
}

/** Why the outcome is not certain; undefined where it is, and before anything was sent. */
export function doubtOf(state: WriteState<unknown>): Doubt | undefined {
  return state.step === 'sending' || state.step === 'unknown' ? state.doubt : undefined;
}

// The service searches for an earlier request with the same key or claim before it refuses with one of these. A coupon that
// exists may be the one that the earlier request created.
function isDecision({ status, outcome }: Refusal): boolean {
  if (outcome === 'coupon_exists' || outcome === 'route_not_found') return false;
  return status === 404 || status === 409 || status === 422;
}
