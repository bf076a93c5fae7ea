// SPDX-License-Identifier: GPL-3.0-or-later
/** What the states of sagas mean, and which lists of them there are. */
import type { SagaState } from '../../../client.ts';

/** What each state means. */
export const sagaMeanings: Record<SagaState, string> = {
  needs_attention: 'A call has failed too often. Nothing goes on until an operator decides.',
  running: 'Its steps are run in order.',
  compensating: 'Its steps are undone in reverse order.',
  done: 'All steps are done, and its claim is confirmed.',
  compensated: 'All steps are undone, and its claim is released.',
};

/** The lists that an address can ask for: those that have not ended come first. */
export const sagaFilters: readonly (readonly [value: string, label: string])[] = [
  ['', 'Not ended'],
  ['needs_attention', 'Needs attention'],
  ['running', 'Running'],
  ['compensating', 'Compensating'],
  ['done', 'Done'],
  ['compensated', 'Compensated'],
];

/** The lists of a filter, in the order in which they are shown. Those that need attention stand alone and first. */
export function sagaListsOf(chosen: string | null): SagaState[][] {
  if (chosen !== null && chosen in sagaMeanings) return [[chosen as SagaState]];
  return [['needs_attention'], ['running', 'compensating']];
}

/** What ending a saga by hand does to its claim. */
export const resolutions = {
  done: {
    label: 'Done',
    effect: 'confirms the claim',
    meaning:
      'All steps are done outside of the service by now, such as the payment captured by hand. The user keeps the unit.',
  },
  compensated: {
    label: 'Compensated',
    effect: 'releases the claim',
    meaning:
      'All steps are undone outside of the service by now, such as the payment refunded by hand. The unit is on sale again.',
  },
} as const;
