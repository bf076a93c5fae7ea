// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The usual design on the service's own server: one transaction per claim, which inserts the claim and takes a unit with
 * a conditional update. It inserts the claim first, so that the coupon's row stays locked for only two of the four round
 * trips. It uses prepared statements, caches the ids of coupons, and has the pool size with the highest rate.
 */
import pg from 'pg';
import type { ClaimCommand, ClaimOutcome } from '../../src/core/claims/claim.ts';
import type { HttpDependencies } from '../../src/entrypoints/http/route.ts';
import { AppError, couponDefaults, createHttpServer, httpOptions, newId, serve } from './built.ts';

const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  max: Number(process.env.POOL_MAX ?? 8),
  application_name: 'usual design',
  idleTimeoutMillis: 0,
});
pool.on('error', () => undefined);

const insertClaim = {
  name: 'insert-claim',
  text: `insert into claims (coupon_id, user_id, claim_id, idempotency_key) values ($1, $2, $3, $4)
    on conflict do nothing returning claimed_at::text`,
};
const takeUnit = {
  name: 'take-unit',
  text: `update coupons set remaining = remaining - 1 where id = $1 and remaining > 0
    returning amount - remaining as position`,
};
const findClaim = {
  name: 'find-claim',
  text: `select claim_id, claimed_at::text from claims where coupon_id = $1 and user_id = $2`,
};
const findCoupon = { name: 'find-coupon', text: 'select id from coupons where name = $1' };
const createCoupon = {
  name: 'create-coupon',
  text: 'insert into coupons (name, amount, remaining) values ($1, $2, $2)',
};

const couponIds = new Map<string, string>();
const outcomes: Record<string, number> = {};

async function claimCoupon(command: ClaimCommand): Promise<ClaimOutcome> {
  const outcome = await decide(command).catch(fail);
  outcomes[outcome.outcome] = (outcomes[outcome.outcome] ?? 0) + 1;
  return outcome;
}

async function decide(command: ClaimCommand): Promise<ClaimOutcome> {
  const couponId = await couponIdOf(command.couponName);
  if (couponId === undefined) return { outcome: 'coupon_not_found' };
  const client = await pool.connect();
  try {
    const outcome = await decideOn(client, couponId, command);
    client.release();
    return outcome;
  } catch (error) {
    // Closing the connection ends the transaction, whatever its state.
    client.release(true);
    throw error;
  }
}

async function decideOn(
  client: pg.PoolClient,
  couponId: string,
  { couponName, userId, idempotencyKey, claimId }: ClaimCommand,
): Promise<ClaimOutcome> {
  await client.query('begin');
  const inserted = await client.query({
    ...insertClaim,
    values: [couponId, userId, claimId, idempotencyKey ?? null],
  });
  const claimedAt = inserted.rows[0]?.claimed_at;
  if (claimedAt === undefined) {
    const held = await client.query({ ...findClaim, values: [couponId, userId] });
    await client.query('rollback');
    const { claim_id, claimed_at } = held.rows[0];
    const claim = {
      claimId: claim_id,
      couponName,
      userId,
      position: 1,
      claimedAt: claimed_at,
      state: 'confirmed' as const,
    };
    return { outcome: 'already_claimed', claim };
  }
  const taken = await client.query({ ...takeUnit, values: [couponId] });
  const position = taken.rows[0]?.position;
  if (position === undefined) {
    await client.query('rollback');
    return { outcome: 'sold_out' };
  }
  await client.query('commit');
  return {
    outcome: 'claimed',
    claim: { claimId, couponName, userId, position, claimedAt, state: 'confirmed' },
  };
}

async function couponIdOf(name: string): Promise<string | undefined> {
  const known = couponIds.get(name);
  if (known !== undefined) return known;
  const { rows } = await pool.query({ ...findCoupon, values: [name] });
  const id: string | undefined = rows[0]?.id;
  if (id !== undefined) couponIds.set(name, id);
  return id;
}

function fail(error: unknown): never {
  outcomes.failed = (outcomes.failed ?? 0) + 1;
  throw new AppError('internal', { detail: 'the transaction failed', cause: error });
}

const unused = () => Promise.reject(new Error('the usual design does not support this'));

const parts: HttpDependencies = {
  claimCoupon,
  newClaimId: newId,
  claimRefused: () => undefined,
  readCoupons: { read: unused, assertExists: unused, list: unused },
  async createCoupon({ name, amount }) {
    await pool.query({ ...createCoupon, values: [name, amount] });
    return {
      ...{ id: '1', name, amount, remainingAmount: amount, state: 'open', paused: false },
      ...{ opensAt: null, closesAt: null, archived: false, holders: [], ...couponDefaults },
    };
  },
  changeCoupon: unused,
  addStock: unused,
  changeClaim: unused,
  readClaims: { find: unused, list: unused, listOfUser: unused, exportAll: unused },
  readOperatorLog: unused,
  lostHistory: { read: unused, accept: unused },
  readWebhooks: { list: unused, read: unused, listDeliveries: unused },
  ...{
    createWebhook: unused,
    deleteWebhook: unused,
    enableWebhook: unused,
    rotateWebhookSecret: unused,
  },
  ...{ redeliverEvents: unused, testWebhook: unused },
  readSagas: { list: unused, read: unused },
  ...{ retrySaga: unused, resolveSaga: unused },
  checkHealth: async () => ({ healthy: true, durability: undefined }),
  healthFacts: { version: 'bench', database: 'external', anonymousAdmin: false },
  metricsType: 'text/plain',
  metricsText: async () => ({
    contentType: 'text/plain',
    text: Object.entries(outcomes)
      .map(([outcome, count]) => `firstcome_claims_total{outcome="${outcome}"} ${count}\n`)
      .join(''),
  }),
  callAnswered: () => undefined,
  claimsArrived: () => undefined,
  log: { error: () => undefined, warn: () => undefined, info: () => undefined },
};

await serve(await createHttpServer(httpOptions, parts));
