// SPDX-License-Identifier: GPL-3.0-or-later
/** Sagas as simply as possible: their states, what the books of participants say, and the events of a subscriber. */
import type { DumpedSaga, DumpedSagaStep } from '../../src/proof/dump.ts';
import type { BookAction, BookKind, EntryRecord, SagaState } from '../../src/proof/history.ts';
import type { ChangeCommand, EndingClaim } from './proof-ending-sale.ts';

/** The saga of a claim. Its steps are in the states of the table. */
export type ModelSaga = {
  state: SagaState;
  steps: string[];
  undo?: { reason: string | undefined; isFinal: boolean };
};

/** A step of the saga that all models play. */
export type ModelStep = { name: string; kind: BookKind; run: BookAction; undo: BookAction };

export const modelSteps: readonly ModelStep[] = [
  { name: 'authorize', kind: 'payment', run: 'authorize', undo: 'void' },
  { name: 'points', kind: 'loyalty', run: 'grant', undo: 'revoke' },
  { name: 'capture', kind: 'payment', run: 'capture', undo: 'refund' },
];

/** The id of the saga of a claim. */
export function sagaIdOf(claimId: string): string {
  return claimId.replace(/^(.{14})./, '$18');
}

/** How a request to change a claim with a saga is decided; undefined where its saga has no say in it. */
export function changeWithSaga(
  claim: EndingClaim,
  { kind, reason, isAdmin = false, isFinal = false }: ChangeCommand,
): string | undefined {
  const { saga } = claim;
  if (saga === undefined || claim.released !== undefined) return undefined;
  const asksForUndo = kind === 'release' && isAdmin;
  if (saga.state === 'done' && (!asksForUndo || claim.redeemed !== undefined)) return undefined;
  if (!asksForUndo) return 'saga_running';
  saga.undo ??= { reason, isFinal };
  saga.state = 'compensating';
  return 'undo_requested';
}

const letters: Record<SagaState, string> = {
  ...{ running: 'R', compensating: 'C', needs_attention: 'A', done: 'D', compensated: 'X' },
};

/** The tables of sagas. */
export function sagaTables(claims: readonly { id: string; claim: EndingClaim }[]): {
  sagas: DumpedSaga[];
  saga_steps: DumpedSagaStep[];
} {
  const all = claims.flatMap(({ id, claim }) => {
    return claim.saga === undefined ? [] : [{ id, claim, saga: claim.saga }];
  });
  return {
    sagas: all.map(({ id, claim, saga }) => ({
      ...{ saga_id: sagaIdOf(claim.claimId), coupon_id: id, position: claim.position },
      ...{ claim_id: claim.claimId, user_id: claim.userId, state: letters[saga.state] },
      ...{ cause: saga.state === 'needs_attention' ? 'no answer' : null, is_resolved: false },
    })),
    saga_steps: all.flatMap(({ claim, saga }) => {
      return saga.steps.map((state, index) => {
        return { saga_id: sagaIdOf(claim.claimId), step: index + 1, state };
      });
    }),
  };
}

/** The book of a participant. */
export class ModelBook {
  readonly name: string;
  readonly kind: BookKind;
  readonly entries: EntryRecord[] = [];
  /** How many of them a reading has shown. */
  shown = 0;

  constructor(kind: BookKind) {
    this.kind = kind;
    this.name = `http://${kind}`;
  }

  add(claim: EndingClaim, coupon: string, entry: { step: string; action: BookAction }): void {
    this.entries.push({
      ...{ type: 'entry', book: this.name, seq: this.entries.length + 1 },
      ...{ saga_id: sagaIdOf(claim.claimId), ...entry, claim_id: claim.claimId },
      ...{ user: claim.userId, coupon, amount: this.kind === 'payment' ? 1999 : 100 },
    });
  }
}
