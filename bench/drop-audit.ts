// SPDX-License-Identifier: GPL-3.0-or-later
/** The audit of the drop: the books, and then every single answer against what is stored. */
import { audit } from './audit.ts';
import type { BenchDatabase } from './database-server.ts';
import { fates, userNumber, type Winners } from './drop-messages.ts';
import { userOf } from './set-up.ts';

/** What the users were told. */
export type DropAnswers = {
  seed: number;
  winners: Winners[];
  /** One of `fates` for each user. */
  fates: Uint8Array;
};

type StoredClaim = { user_id: string; claim_id: string; position: number; key: string | null };

const examplesMax = 3;

/** Everything that is wrong, in words. `expected` claims must be stored: no more, no fewer. */
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

/** Answers that the stored claims contradict, and stored claims that no answer told of. */
export function compare(answers: DropAnswers, rows: readonly StoredClaim[]): string[] {
  const stored = new Map(rows.map((row) => [row.user_id, row]));
  const isNot: Record<string, string[]> = {};
  const find = (what: string, user: string) => {
    isNot[what] ??= [];
    isNot[what].push(user);
  };
  const nameOf = (index: number) => userOf(userNumber(index, answers.seed));
  const told = new Set<string>();
  for (const { users, positions, claimIds } of answers.winners) {
    users.forEach((index, row) => {
      const user = nameOf(index);
      told.add(user);
      const claim = stored.get(user);
      if (claim === undefined) find('acknowledged, but not stored', user);
      else if (claim.claim_id !== claimIds[row] || claim.position !== positions[row]) {
        find('stored with another claim id or position than acknowledged', user);
      } else if (claim.key !== user.replace('user-', 'drop-')) {
        find('stored under another key', user);
      }
    });
  }
  for (const user of stored.keys()) if (!told.has(user)) find('stored, but not acknowledged', user);
  answers.fates.forEach((fate, index) => {
    if (fate === fates.unheard) find('without an answer', nameOf(index));
    if (fate === fates.refused && stored.has(nameOf(index))) {
      find('refused, but holding a claim', nameOf(index));
    }
  });
  return Object.entries(isNot).map(
    ([what, users]) => `${users.length} ${what}: ${users.slice(0, examplesMax).join(', ')}`,
  );
}
