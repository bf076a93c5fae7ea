// SPDX-License-Identifier: GPL-3.0-or-later
/** The audit of the drop: checks the stored sale, and compares every response with the stored claims. */
import { audit } from './audit.ts';
import type { BenchDatabase } from './database-server.ts';
import { userNumber, userOutcomes, type Winners } from './drop-messages.ts';
import { userOf } from './set-up.ts';

/** The responses that the users received. */
export type DropAnswers = {
  seed: number;
  winners: Winners[];
  /** One of `userOutcomes` for each user. */
  outcomes: Uint8Array;
};

type StoredClaim = { user_id: string; claim_id: string; position: number; key: string | null };

const examplesMax = 3;

/** Describes every violation. Exactly `expected` claims must be stored. */
export async function auditDrop(
  database: BenchDatabase,
  answers: DropAnswers,
  expected: number,
): Promise<string[]> {
  const violations = await audit(database, 'firstcome', { min: expected, max: expected });
  const rows = await database.query<StoredClaim>(
    'select user_id, claim_id, position, idempotency_key as key from claims',
  );
  return [...violations, ...compare(answers, rows)];
}

/**
 * Describes the responses that the stored claims contradict, and the stored claims that no response acknowledged. Assumes that
 * claims are final: each acknowledged claim is stored at the end. Compares positions with the responses only.
 */
export function compare(answers: DropAnswers, rows: readonly StoredClaim[]): string[] {
  const stored = new Map(rows.map((row) => [row.user_id, row]));
  const usersByProblem: Record<string, string[]> = {};
  const add = (problem: string, user: string) => {
    usersByProblem[problem] ??= [];
    usersByProblem[problem].push(user);
  };
  const nameOf = (index: number) => userOf(userNumber(index, answers.seed));
  const acknowledged = new Set<string>();
  for (const { users, positions, claimIds } of answers.winners) {
    users.forEach((index, row) => {
      const user = nameOf(index);
      acknowledged.add(user);
      const claim = stored.get(user);
      if (claim === undefined) add('acknowledged, but not stored', user);
      else if (claim.claim_id !== claimIds[row] || claim.position !== positions[row]) {
        add('stored with another claim id or position than acknowledged', user);
      } else if (claim.key !== user.replace('user-', 'drop-')) {
        add('stored under another key', user);
      }
    });
  }
  for (const user of stored.keys())
    if (!acknowledged.has(user)) add('stored, but not acknowledged', user);
  answers.outcomes.forEach((outcome, index) => {
    if (outcome === userOutcomes.unanswered) add('without an answer', nameOf(index));
    if (outcome === userOutcomes.refused && stored.has(nameOf(index))) {
      add('refused, but holding a claim', nameOf(index));
    }
  });
  return Object.entries(usersByProblem).map(
    ([problem, users]) => `${users.length} ${problem}: ${users.slice(0, examplesMax).join(', ')}`,
  );
}
