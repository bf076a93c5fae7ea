// SPDX-License-Identifier: GPL-3.0-or-later
import type { ActedBy } from '../operator-log/operator-log.ts';
import type { SagaDefinition, SagaStep } from './definition.ts';
import type { Saga, SagaState, StepState } from './saga.ts';

/** The claim as every call of a saga carries it. */
export type SagaClaim = {
  claimId: string;
  couponName: string;
  userId: string;
  position: number;
  claimedAt: string;
};

/** One call of a step. The key is the same for every attempt. */
export type StepCall = {
  sagaId: string;
  /** The name of the saga in `SAGAS_FILE`. */
  sagaName: string;
  step: SagaStep;
  direction: 'run' | 'undo';
  /** `{saga}:{step}:run` or `{saga}:{step}:undo`. */
  idempotencyKey: string;
  claim: SagaClaim;
  /** The trace context of the call, as W3C Trace Context writes it; undefined: the call is not traced. */
  traceparent?: string | undefined;
};

/** What became of a call. Only a definite answer decides; anything else is asked again with the same key. */
export type CallAnswer =
  | { kind: 'done'; status: number }
  /** The participant has answered that nothing was done, and that asking again will not change that. */
  | { kind: 'declined'; status: number; error: string }
  | {
      kind: 'unknown';
      /** Null where no response arrived. */
      status: number | null;
      error: string;
      /** The participant has asked for this wait; undefined: it has not. */
      retryAfterSeconds: number | undefined;
    };

/** Calls a participant, within the timeout of the step. Never rejects. */
export type CallStep = (call: StepCall, signal: AbortSignal) => Promise<CallAnswer>;

/** A saga that this process advances now. A later process has a higher epoch, which ends this one's right to write. */
export type TakenSaga = {
  sagaId: string;
  epoch: string;
  name: string;
  /** Null: no step was ever called. */
  version: string | null;
  claim: SagaClaim;
  /** Whether steps are undone; else they are run. */
  isUndoing: boolean;
  /** The step that is run or undone next, from 1. One more than there are steps: all are run. 0: all are undone. */
  step: number;
  /** Calls of this step and direction that have failed. */
  attempts: number;
  /** Until the deadline, by the database's clock; negative after it. */
  msToDeadline: number;
  /** An operator has asked for the undo. */
  isUndoAsked: boolean;
};

/** How a saga goes on: written in one transaction with the step that has ended. */
export type SagaProgress = {
  sagaId: string;
  epoch: string;
  /** The step that a call has changed; undefined: none. */
  step:
    | {
        number: number;
        state: StepState | 'pending';
        attempts: number;
        status: number | null;
        error: string | null;
      }
    | undefined;
  state: Extract<SagaState, 'running' | 'compensating' | 'needs_attention'>;
  isUndoing: boolean;
  nextStep: number;
  attempts: number;
  dueInMs: number;
  /** Why it is undone or needs attention; null leaves it as it is. */
  cause: string | null;
};

/** `isHeld` false: another process advances the saga now, and nothing was stored. */
export type Recorded = { isHeld: boolean; isUndoAsked: boolean };

/** Where sagas are stored while they run. Rejects when the database cannot be read or written. */
export type SagaRunStore = {
  /** Stores the definitions of this process, so that a saga ends by the version that it began with. */
  addDefinitions(definitions: readonly SagaDefinition[]): Promise<void>;
  /** Undefined: no process has ever had this version. */
  readDefinition(name: string, version: string): Promise<SagaDefinition | undefined>;
  /** The shards that have something due now. */
  findDueShards(): Promise<number[]>;
  /**
   * Takes due sagas of a shard, at most `limit`, raises their epochs, and gives those that have no version the one of
   * `definitions`. Leaves out sagas of other names that have no version, until their deadline, and those of `underWay`.
   */
  take(
    shard: number,
    options: {
      limit: number;
      underWay: readonly string[];
      definitions: readonly Pick<SagaDefinition, 'name' | 'version'>[];
    },
  ): Promise<TakenSaga[]>;
  /** Stores progress, with one result for each in order. */
  record(progress: readonly SagaProgress[]): Promise<Recorded[]>;
};

/** How many shards distribute sagas among processes. */
export const sagaShards = 16;

/** Which sagas a list returns, and where its page begins. */
export type SagaQuery = {
  /** Undefined: any. */
  states: readonly SagaState[] | undefined;
  /** The `next` of the page before; undefined for the first page. */
  cursor: string | undefined;
  limit: number;
};

/** A page of sagas without their steps, the oldest first. */
export type SagaPage = { sagas: Omit<Saga, 'steps'>[]; next: string | null };

/** How an operator ends a saga: what is true outside of the service by now, and a note of 1 to 1,000 characters. */
export type Resolution = { as: 'done' | 'compensated'; note: string };

/** What operators can read and do. An id may be any text; one that is no saga is not found. */
export type SagaStore = {
  list(query: SagaQuery): Promise<SagaPage>;
  read(sagaId: string): Promise<Saga | undefined>;
  /** Lets a saga that needs attention go on where it stopped. Writes the operator log. */
  retry(sagaId: string, by: ActedBy): Promise<Saga | 'saga_not_found' | 'not_in_attention'>;
  /**
   * Ends a saga that needs attention: `done` confirms its claim, `compensated` releases it, without a further call.
   * Writes the operator log. The same resolution again changes nothing.
   */
  resolve(
    sagaId: string,
    resolution: Resolution,
    by: ActedBy,
  ): Promise<Saga | 'saga_not_found' | 'not_in_attention'>;
};

/** Distributes the shards with due sagas among all processes on a database. */
export type SagaJobs = {
  /** Makes sure that some process works on these shards. */
  ensure(shards: readonly number[]): Promise<void>;
};

/** What the sagas report of their work, for an operator. */
export type SagaMetrics = {
  /** A call of a step has ended. */
  stepCalled(call: {
    participant: string;
    step: string;
    direction: StepCall['direction'];
    result: CallAnswer['kind'];
    seconds: number;
  }): void;
  /** This process has brought a saga to a state. */
  sagaReached(state: Exclude<SagaState, 'running'>): void;
};
