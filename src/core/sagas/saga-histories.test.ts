// SPDX-License-Identifier: GPL-3.0-or-later
/** Random histories of one saga: answers, crashes, paused processes, the deadline and operators, against a model. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { flushPromises } from '../../../test/support/fixed-clock.ts';
import {
  type Conduct,
  definitionOf,
  ModelParticipants,
  SagaModel,
  stepOf,
} from '../../../test/support/saga-model.ts';
import { AppError } from '../errors.ts';
import type { CallAnswer } from './ports.ts';
import { runSaga, type SagaRunOptions } from './run-saga.ts';

/** What becomes of a call or a write: `dies` before it, `dies_after` it, or the process gets no answer. */
type Verdict = { end: 'goes' | 'dies' | 'dies_after' | 'no_answer'; conduct: Conduct };

const goes: Verdict = { end: 'goes', conduct: 'does' };
const verdicts: Verdict[] = [
  ...(['does', 'late', 'away', 'declines'] as const).map((conduct) => ({
    ...{ end: 'goes' as const, conduct },
  })),
  { end: 'goes', conduct: 'does' },
  { end: 'dies', conduct: 'does' },
  { end: 'dies_after', conduct: 'does' },
  { end: 'no_answer', conduct: 'does' },
];

/** A process that is gone. */
const never = new Promise<never>(() => undefined);

/** One saga, and the processes that run it: each stops before every call and write until it is let go. */
class History {
  readonly participants = new ModelParticipants();
  readonly model: SagaModel;
  private readonly pending: ((verdict: Verdict) => void)[] = [];

  constructor(steps: number, isLastFinal: boolean, deadlineMs: number) {
    const last = isLastFinal ? { undoPath: null } : {};
    this.model = new SagaModel(
      definitionOf(
        Array.from({ length: steps }, (_, index) =>
          stepOf(`step${index + 1}`, index + 1 === steps ? last : {}),
        ),
      ),
      deadlineMs,
    );
  }

  /** A process takes the saga, if it is due. */
  take(): boolean {
    const taken = this.model.take();
    if (taken === undefined) return false;
    const run = { takenMs: this.model.nowMs, signal: new AbortController().signal };
    runSaga(this.options(), taken, { ...run, isOver: () => false }).catch((error) => {
      if (!(error instanceof AppError)) throw error;
    });
    return true;
  }

  get waiting(): number {
    return this.pending.length;
  }

  /** Lets one of the processes go on. */
  async go(index: number, verdict: Verdict): Promise<void> {
    const [open] = this.pending.splice(index, 1);
    open?.(verdict);
    await flushPromises();
    this.check();
  }

  /** What is true at every moment. */
  check(): void {
    const { model, participants } = this;
    if (model.claim === 'released') expect(participants.done()).toEqual([]);
    if (model.state === 'done') {
      expect(model.claim).toBe('confirmed');
      expect(participants.done()).toHaveLength(model.definition.steps.length);
      expect([...model.steps.values()].every((state) => state === 'done')).toBe(true);
    }
    expect(model.state === 'compensated').toBe(model.claim === 'released');
  }

  private async gate<Value>(write: (conduct: Conduct) => Value): Promise<Value> {
    const verdict = await new Promise<Verdict>((resolve) => this.pending.push(resolve));
    if (verdict.end === 'dies') return never;
    const value = write(verdict.conduct);
    if (verdict.end === 'dies_after') return never;
    if (verdict.end === 'no_answer') throw new AppError('outcome_unknown', { detail: 'lost' });
    return value;
  }

  private options(): SagaRunOptions {
    const { model, participants } = this;
    return {
      ...{ clock: { nowMs: () => model.nowMs }, random: () => 1, hasParticipant: () => true },
      findDefinition: async () => model.definition,
      metrics: { stepCalled: () => undefined, sagaReached: () => undefined },
      warn: (_, message) => {
        throw new Error(message);
      },
      record: (progress) => this.gate(() => model.record(progress)),
      changeClaim: (command) =>
        this.gate(() => {
          const outcome = model.change(command);
          return outcome === 'saga_moved' ? { outcome } : { outcome, claim: {} as never };
        }),
      call: ({ step: { name }, direction, idempotencyKey }) =>
        this.gate((conduct): CallAnswer => {
          expect(idempotencyKey).toBe(`saga:${name}:${direction}`);
          const answer = participants.answer(name, direction, conduct);
          if (answer === 'done') return { kind: 'done', status: 200 };
          if (answer === 'declined') return { kind: 'declined', status: 422, error: 'no' };
          return { kind: 'unknown', status: null, error: 'away', retryAfterSeconds: undefined };
        }),
    };
  }
}

/** Plays the choices, then lets everything end well. */
async function play(history: History, choices: readonly number[]): Promise<void> {
  const { model } = history;
  for (const choice of choices) {
    const kind = choice % 16;
    const value = Math.floor(choice / 16);
    if (kind === 0) model.nowMs += value % 1_000;
    else if (kind === 1 && value % 4 === 0) model.askUndo();
    else if (kind === 2 && value % 4 === 0) model.retry();
    else if (kind < 5 || history.waiting === 0) history.take();
    else {
      await history.go(value % history.waiting, verdicts[value % verdicts.length] ?? goes);
    }
    await flushPromises();
    history.check();
  }
}

async function endWell(history: History): Promise<void> {
  const { model } = history;
  for (let round = 0; round < 100; round += 1) {
    while (history.waiting > 0) await history.go(0, goes);
    if (!model.isOpen) return;
    model.nowMs += 30_000;
    history.take();
    await flushPromises();
  }
  throw new Error(`the saga is stuck in ${model.state}, step ${model.step}`);
}

const runs = { numRuns: 1_000 };
const choices = fc.array(fc.nat(1_000_000), { maxLength: 80 });
const steps = fc.integer({ min: 1, max: 4 });
const deadline = fc.constantFrom(0, 500, 2_000, 1_000_000_000);

it('a saga ends done with every step done, or compensated with none, whatever happens between', async () => {
  await fc.assert(
    fc.asyncProperty(steps, deadline, choices, async (count, deadlineMs, chosen) => {
      const history = new History(count, false, deadlineMs);
      await play(history, chosen);
      await endWell(history);
      // With participants that answer, a retry by an operator ends what needs attention.
      for (let retry = 0; history.model.state === 'needs_attention' && retry < 3; retry += 1) {
        history.model.retry();
        await endWell(history);
      }
      expect(['done', 'compensated']).toContain(history.model.state);
      history.check();
    }),
    runs,
  );
});

it('a saga whose last step cannot be undone never loses a step, and needs attention at worst', async () => {
  await fc.assert(
    fc.asyncProperty(steps, deadline, choices, async (count, deadlineMs, chosen) => {
      const history = new History(count, true, deadlineMs);
      await play(history, chosen);
      await endWell(history);
      history.check();
      if (history.model.state !== 'needs_attention') return;
      expect(history.model.claim).not.toBe('released');
    }),
    runs,
  );
});
