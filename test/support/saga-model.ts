// SPDX-License-Identifier: GPL-3.0-or-later
/** One saga in memory by the rules of the database, and participants that keep their promises. */
import type { ChangeClaimCommand } from '../../src/core/claims/claim.ts';
import type { SagaDefinition, SagaStep } from '../../src/core/sagas/definition.ts';
import type { Recorded, SagaProgress, TakenSaga } from '../../src/core/sagas/ports.ts';
import type { SagaState, StepState } from '../../src/core/sagas/saga.ts';

/** A step with few attempts. */
export function stepOf(name: string, changes: Partial<SagaStep> = {}): SagaStep {
  return {
    ...{ name, kind: 'http', participant: 'shop', data: {} },
    ...{ runPath: `/${name}`, undoPath: `/undo-${name}` },
    ...{ timeoutMs: 3_000, attemptsMax: 3, undoAttemptsMax: 3, backoffMs: 200 },
    ...changes,
  };
}

/** A saga of these steps. */
export function definitionOf(steps: readonly SagaStep[]): SagaDefinition {
  return { name: 'checkout', version: '0123456789abcdef', steps };
}

/** The saga of one claim, and the claim. */
export class SagaModel {
  readonly definition: SagaDefinition;
  state: SagaState = 'running';
  claim: 'reserved' | 'confirmed' | 'released' = 'reserved';
  readonly steps = new Map<number, StepState | 'pending'>();
  step = 1;
  isUndoing = false;
  attempts = 0;
  epoch = 0;
  dueMs = 0;
  isUndoAsked = false;
  nowMs = 0;
  deadlineMs: number;

  constructor(definition: SagaDefinition, deadlineMs: number) {
    this.definition = definition;
    this.deadlineMs = deadlineMs;
  }

  get isOpen(): boolean {
    return this.state === 'running' || this.state === 'compensating';
  }

  take(): TakenSaga | undefined {
    if (!this.isOpen || this.dueMs > this.nowMs) return undefined;
    this.epoch += 1;
    const { name, version } = this.definition;
    const { isUndoing, step, attempts, isUndoAsked } = this;
    return {
      ...{ sagaId: 'saga', epoch: String(this.epoch), name, version, isUndoing, step, attempts },
      ...{ isUndoAsked, msToDeadline: this.deadlineMs - this.nowMs },
      claim: {
        ...{ claimId: 'claim', couponName: 'sale', userId: 'ada', position: 1 },
        claimedAt: '2030-01-31T18:00:00.000000Z',
      },
    };
  }

  record(progress: SagaProgress): Recorded {
    const { isUndoAsked } = this;
    if (progress.epoch !== String(this.epoch) || !this.isOpen) {
      return { isHeld: false, isUndoAsked };
    }
    if (progress.step) this.steps.set(progress.step.number, progress.step.state);
    const { state, isUndoing, nextStep: step, attempts, dueInMs } = progress;
    Object.assign(this, { state, isUndoing, step, attempts, dueMs: this.nowMs + dueInMs });
    return { isHeld: true, isUndoAsked };
  }

  /** What the saga itself does with its claim. */
  change({ change, sagaEpoch }: ChangeClaimCommand): 'changed' | 'unchanged' | 'saga_moved' {
    if (sagaEpoch !== String(this.epoch)) return 'saga_moved';
    const ended = change === 'confirm' ? 'done' : 'compensated';
    if (this.state === ended) return 'unchanged';
    const isReady =
      change === 'confirm'
        ? this.state === 'running' && !this.isUndoing && !this.isUndoAsked
        : this.state === 'compensating' && this.isUndoing && this.step === 0;
    if (!isReady) return 'saga_moved';
    this.state = ended;
    this.claim = change === 'confirm' ? 'confirmed' : 'released';
    return 'changed';
  }

  /** An operator releases the claim. */
  askUndo(): void {
    if (this.claim === 'released') return;
    if (this.state === 'done' || this.state === 'needs_attention') {
      Object.assign(this, { state: 'compensating', isUndoing: true, attempts: 0 });
    }
    Object.assign(this, { isUndoAsked: true, dueMs: this.nowMs });
  }

  /** An operator lets it go on. */
  retry(): void {
    if (this.state !== 'needs_attention') return;
    const state = this.isUndoing ? 'compensating' : 'running';
    Object.assign(this, { state, attempts: 0, dueMs: this.nowMs });
  }
}

/** What a participant does with a call: `late` does it, and its answer is lost. `away` does nothing. */
export type Conduct = 'does' | 'late' | 'away' | 'declines';

/** Participants that answer the same to the same key, and refuse to run what was undone. */
export class ModelParticipants {
  /** What is done, declined or undone now, by the name of the step. */
  readonly effects = new Map<string, 'done' | 'declined' | 'undone'>();

  /** Undefined: no answer arrives. */
  answer(
    step: string,
    direction: 'run' | 'undo',
    conduct: Conduct,
  ): 'done' | 'declined' | undefined {
    if (conduct === 'away') return undefined;
    const before = this.effects.get(step);
    if (direction === 'undo') {
      if (conduct === 'declines') return 'declined';
      this.effects.set(step, 'undone');
      return conduct === 'late' ? undefined : 'done';
    }
    if (before === undefined) this.effects.set(step, conduct === 'declines' ? 'declined' : 'done');
    if (conduct === 'late') return undefined;
    return this.effects.get(step) === 'done' ? 'done' : 'declined';
  }

  /** The steps that are done now. */
  done(): string[] {
    return [...this.effects].flatMap(([step, effect]) => (effect === 'done' ? [step] : []));
  }
}
