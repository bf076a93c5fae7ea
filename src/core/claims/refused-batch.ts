// SPDX-License-Identifier: GPL-3.0-or-later
import { detailOf } from '../errors.ts';
import { nounOf, type PendingDecision } from './pending-decision.ts';
import type { BatchAnswer, RefusalReason } from './ports.ts';

/** Answers each decision of a batch that was refused as a whole, by the reason. */
export function failRefused(
  decisions: readonly PendingDecision[],
  { reason, cause, fields = [], detail: given }: BatchAnswer & { kind: 'refused' },
): void {
  // Which of several commands has the invalid fields is not known.
  const isUnclear = reason === 'invalid' && decisions.length > 1;
  const [code, detailFor] = refusals[isUnclear ? 'refused' : reason];
  const invalidFields = reason === 'invalid' && !isUnclear ? fields : [];
  for (const decision of decisions) {
    const detail = detailOf(invalidFields) || given || detailFor(nounOf(decision.command));
    decision.fail(code, detail, cause, {
      fields: invalidFields,
      refusedByRule: reason === 'refused',
    });
  }
}

const refusals: Record<
  RefusalReason,
  ['unavailable' | 'invalid_request' | 'internal', (noun: string) => string]
> = {
  not_sent: ['unavailable', () => 'the database cannot be reached'],
  busy: ['unavailable', () => 'another session has locked the coupon for too long'],
  invalid: ['invalid_request', (noun) => `a value of this ${noun} is not allowed`],
  refused: ['unavailable', (noun) => `the database refuses this ${noun}; nothing of it is stored`],
  not_durable: [
    'unavailable',
    (noun) => `the database does not commit durably enough; nothing of this ${noun} is stored`,
  ],
  broken: ['internal', (noun) => `the ${noun} could not be decided`],
};
