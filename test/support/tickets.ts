// SPDX-License-Identifier: GPL-3.0-or-later
/** Claims with tickets, decided by PostgreSQL without a service. */
import { expect } from 'vitest';
import { openPools } from '../../src/adapters/postgres/connections/open-pools.ts';
import { postgresTicketStore } from '../../src/adapters/postgres/tickets/ticket-store.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import type { TicketedClaim } from '../../src/core/claims/ports.ts';
import type { TicketProblem } from '../../src/core/tickets/ticket.ts';
import { auditRecords } from './audit.ts';
import { change, rulesOfEndedHolds } from './batch-commands.ts';
import { openStores, ticketTimes } from './stores.ts';
import { createTestDatabase, schema } from './test-database.ts';

/** Claims with tickets on a database of their own. */
export type TicketStores = Awaited<ReturnType<typeof openTicketStores>>;

/** A ticket that was accepted so long ago. */
export const secondsAgo = (seconds: number) => ({ acceptedAtMs: Date.now() - seconds * 1_000 });
export const hoursAgo = (hours: number) => secondsAgo(hours * 3_600);

/** Opens the stores on a new database. `close` checks that the records are consistent. */
export async function openTicketStores() {
  const database = await createTestDatabase();
  const { query } = database;
  const stores = openStores(database.url);
  const { forBatches, forQueries } = openPools({
    ...{ url: database.url, schema, claimConnections: 1, queryConnections: 4 },
    ...{ connectTimeoutMs: 10_000, lockTimeoutMs: 10_000, statementTimeoutMs: 30_000 },
    ...{ claimTimeoutMs: 30_000, onIdleConnectionLost: () => undefined },
  });
  const tickets = postgresTicketStore(forQueries, ticketTimes);
  let coupons = 0;
  const ticketOf = ({ claimId, ticket }: TicketedClaim) => ({ claimId, ...ticket });
  const decide = (commands: readonly TicketedClaim[], batchId = newId()) =>
    stores.claims.decideBatch({ batchId, couponName: commands[0]?.couponName ?? '', commands });
  return {
    ...{ query, stores, tickets, forQueries, url: database.url, decide },
    /** Creates a coupon that is on sale at once, and returns its name. */
    async newCoupon(amount: number): Promise<string> {
      coupons += 1;
      await stores.createCoupon(`coupon-${coupons}`, amount);
      return `coupon-${coupons}`;
    },
    /** A claim for each user, accepted now. */
    claimsOf: (couponName: string, users: readonly string[], fields: Partial<TicketedClaim> = {}) =>
      users.map(
        (userId): TicketedClaim => ({
          ...{ couponName, userId, claimId: newId(), idempotencyKey: undefined },
          ...{ ticket: secondsAgo(0), ...fields },
        }),
      ),
    /** The final states that are stored. */
    async results(claims: readonly TicketedClaim[]) {
      const found = await tickets.readMany(claims.map(({ claimId }) => claimId));
      return claims.map(({ claimId }) => found.get(claimId));
    },
    read: (claims: readonly TicketedClaim[]) =>
      Promise.all(claims.map((claim) => tickets.read(ticketOf(claim)))),
    fail: (claims: readonly TicketedClaim[], problem: TicketProblem) =>
      Promise.all(claims.map((claim) => tickets.fail(ticketOf(claim), problem))),
    async remaining(name: string) {
      const [row] = await query<{ remaining_amount: number }>(
        'select remaining_amount from coupons where name = $1',
        [name],
      );
      return row?.remaining_amount;
    },
    /** Releases the claim of a user as an operator. */
    async release(couponName: string, userId: string) {
      const command = { ...change('release', userId), couponName };
      const answer = await stores.claims.decideBatch({
        ...{ batchId: newId(), couponName, commands: [command] },
      });
      expect(answer).toMatchObject({ kind: 'decided', outcomes: [{ outcome: 'changed' }] });
    },
    async close() {
      expect(await auditRecords(query, rulesOfEndedHolds)).toEqual([]);
      await Promise.all([stores.close(), forBatches.close(), forQueries.close()]);
      await database.drop();
    },
  };
}
