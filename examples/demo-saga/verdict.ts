// SPDX-License-Identifier: GPL-3.0-or-later
/** Compares the claims with the books of the participants. */
import type { ClaimBody } from './crowd.ts';
import { amountCents, points } from './processes.ts';

/** The entry of a book, as `GET /book` shows it. */
export type Entry = { action: string; claim_id: string; amount_cents?: number; points?: number };

/** What a claim has cost and brought by all entries: cents reserved and taken, and points. */
type Account = { reserved: number; taken: number; points: number };

/**
 * Whether nothing changes any more: all units are confirmed; or no saga is under way, and nobody was waiting before the claims
 * were read. The number of units left does not decide it: a unit may be claimed after the claims were read.
 */
export function isOver({
  claims,
  units,
  waiting,
}: {
  claims: readonly Pick<ClaimBody, 'state'>[];
  units: number;
  waiting: number;
}): boolean {
  const of = (state: string) => claims.filter((claim) => claim.state === state).length;
  return of('confirmed') === units || (of('reserved') === 0 && waiting === 0);
}

/** What became of units and money, as lines; and every difference between units, claims and books. */
export function judge(
  { claims, units, left }: { claims: readonly ClaimBody[]; units: number; left: number },
  books: { payment: readonly Entry[]; loyalty: readonly Entry[] },
): { lines: string[]; differences: string[] } {
  const accounts = new Map<string, Account>();
  for (const entry of [...books.payment, ...books.loyalty]) book(accounts, entry);
  const differences = claims.flatMap(({ claim_id: id, user_id: user, state }) => {
    const { reserved = 0, taken = 0, points: got = 0 } = accounts.get(id) ?? {};
    accounts.delete(id);
    const isConfirmed = state === 'confirmed';
    const isRight =
      (isConfirmed || state === 'released') &&
      reserved === 0 &&
      taken === (isConfirmed ? amountCents : 0) &&
      got === (isConfirmed ? points : 0);
    if (isRight) return [];
    return [`${user}: ${state}, ${taken} cents taken, ${reserved} reserved, ${got} points`];
  });
  for (const id of accounts.keys()) differences.push(`${id} is in a book, but is no claim`);
  const of = (state: string) => claims.filter((claim) => claim.state === state).length;
  if (of('confirmed') + left !== units) {
    differences.push(`${units} units are not ${of('confirmed')} confirmed claims and ${left} left`);
  }
  const payments = (action: string) => count(books.payment, action);
  const grants = (action: string) => count(books.loyalty, action);
  const kept = payments('capture') - payments('refund');
  const granted = grants('grant') - grants('revoke');
  const lines = [
    `Units   ${of('confirmed')} of ${units} given; ${of('released')} claims released, and their units back`,
    `Money   ${kept} payments captured and kept: ${(kept * amountCents) / 100} EUR`,
    `        given back: ${payments('void')} voided, ${payments('refund')} refunded`,
    `Points  ${granted} grants kept: ${granted * points} points; ${grants('revoke')} revoked`,
  ];
  return { lines, differences };
}

function book(accounts: Map<string, Account>, entry: Entry): void {
  const { action, claim_id: id, amount_cents: cents = 0, points: amount = 0 } = entry;
  const account = accounts.get(id) ?? { reserved: 0, taken: 0, points: 0 };
  accounts.set(id, account);
  if (action === 'authorize') account.reserved += cents;
  if (action === 'void') account.reserved -= cents;
  if (action === 'capture') account.reserved -= cents;
  if (action === 'capture') account.taken += cents;
  if (action === 'refund') account.taken -= cents;
  if (action === 'grant') account.points += amount;
  if (action === 'revoke') account.points -= amount;
}

/** Entries that moved something: the undo of what was never done moves nothing. */
function count(entries: readonly Entry[], action: string): number {
  const isMoved = ({ amount_cents: cents = 0, points: amount = 0 }: Entry) => cents + amount > 0;
  return entries.filter((entry) => entry.action === action && isMoved(entry)).length;
}
