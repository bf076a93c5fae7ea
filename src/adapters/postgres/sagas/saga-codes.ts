// SPDX-License-Identifier: GPL-3.0-or-later
import type { SagaState, StepState } from '../../../core/sagas/saga.ts';

/** The states of sagas as the table stores them. */
export const sagaCodes: Readonly<Record<SagaState, string>> = {
  running: 'R',
  compensating: 'C',
  needs_attention: 'A',
  done: 'D',
  compensated: 'X',
};

/** The states of steps as the table stores them. */
export const stepCodes: Readonly<Record<StepState | 'pending', string>> = {
  pending: 'P',
  done: 'D',
  declined: 'N',
  unknown: 'Q',
  undone: 'U',
};
