// SPDX-License-Identifier: GPL-3.0-or-later
import { canonicalJson } from '../../core/canonical-json.ts';
import type { SagaDefinition, SagaStep } from '../../core/sagas/definition.ts';
import { actions, stepDefaults } from './schema.ts';

/** A step as the file has it, after its check. */
export type FileStep = {
  name: string;
  kind: SagaStep['kind'];
  participant: string;
  action?: string;
  run?: string;
  undo?: string;
  data?: Record<string, unknown>;
} & Partial<Record<keyof typeof stepDefaults, number>>;

const versionDigits = 16;

/** The definition of a saga, whose version changes with anything in its steps, but not with their order of members. */
export function toDefinition(name: string, fileSteps: readonly FileStep[]): SagaDefinition {
  const steps = fileSteps.map(toStep);
  // Loaded at the first use: most services have no sagas.
  const { createHash } = process.getBuiltinModule('node:crypto');
  const digest = createHash('sha256').update(canonicalJson(steps)).digest('hex');
  return { name, version: digest.slice(0, versionDigits), steps };
}

function toStep(given: FileStep): SagaStep {
  const { name, kind, participant, data = {} } = given;
  const step = { ...stepDefaults, ...given };
  return {
    ...{ name, kind, participant, ...pathsOf(given), data },
    timeoutMs: step.timeout_ms,
    attemptsMax: step.attempts,
    undoAttemptsMax: step.undo_attempts,
    backoffMs: step.backoff_ms,
  };
}

function pathsOf({ kind, action = '', run = '', undo }: FileStep) {
  if (kind === 'http') return { runPath: run, undoPath: undo ?? null };
  const calls: Record<string, { run: string; undo: string }> = actions[kind];
  const call = calls[action];
  if (call === undefined) throw new Error(`the kind ${kind} has no action ${action}`);
  return { runPath: call.run, undoPath: call.undo };
}
