// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Sagas that two processes advance, each one at times after the other has taken over, against operators who release their
 * claims, users who redeem them, and users who claim each unit that comes back.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { consistencyRules } from '../../src/adapters/postgres/consistency-rules.ts';
import type { BatchOutcome } from '../../src/core/claims/ports.ts';
import { sagaIdOf } from '../../src/core/sagas/saga-id.ts';
import { auditRecords } from '../support/audit.ts';
import {
  type Command,
  change,
  claim,
  type HoldStores,
  openHoldStores,
} from '../support/batch-commands.ts';
import { range } from '../support/crowd.ts';
import { seededRandom } from '../support/fault-proxy.ts';
import { isLong } from '../support/long.ts';

const coupon = 'sale';
const units = 15;
const users = range(40).map((index) => `user-${index}`);
const batchesMax = isLong ? 8_000 : 1_200;
const shares = { declined: 0.2, undo: 0.15, redeem: 0.004, late: 0.3 };

const random = seededRandom(15);
const chance = (share: number) => random() < share;
const pick = <Item>(items: readonly Item[]) => items[Math.floor(random() * items.length)] as Item;

/** What a service that takes payments has done. After an undo it never takes the payment of that saga. */
const payments = {
  states: new Map<string, 'captured' | 'refunded'>(),
  capture(saga: string): boolean {
    if (payments.states.get(saga) === 'refunded') return false;
    payments.states.set(saga, 'captured');
    return true;
  },
  refund(saga: string): void {
    payments.states.set(saga, 'refunded');
  },
};

/** A saga as the process that has taken it knows it. It has one step. */
type Taken = {
  saga_id: string;
  claim_id: string;
  user_id: string;
  epoch: string;
  is_undoing: boolean;
  step: number;
  is_undo_asked: boolean;
};

let sale: HoldStores;
let isOver = false;
/** How often each outcome was answered. */
const seen = new Map<string, number>();

beforeAll(async () => {
  sale = await openHoldStores();
  await sale.createCoupon(coupon, units, `saga = 'pay', claims_per_user_max = 100`);
});

afterAll(async () => {
  await sale.close();
});

/** Decides a batch, and sends a release that was announced again. A batch must never be refused. */
async function decide(commands: readonly Command[]): Promise<BatchOutcome[]> {
  const decided = await sale.decide(coupon, commands);
  return Promise.all(
    decided.map(async (decision, index) => {
      const who = 'sagaEpoch' in (commands[index] as Command) ? 'saga' : 'caller';
      const what = `${who} ${decision.outcome}`;
      seen.set(what, (seen.get(what) ?? 0) + 1);
      if (decision.outcome !== 'announced') return decision;
      const { announcement } = decision;
      const [again] = await decide([{ ...(commands[index] as Command), announcement } as Command]);
      return again as BatchOutcome;
    }),
  );
}

async function take(): Promise<Taken | undefined> {
  const [taken] = await sale.database.query<Taken>(
    `update sagas s set epoch = s.epoch + 1
     where s.saga_id = (
       select d.saga_id from sagas d where d.state in ('R', 'C') order by random() limit 1 for update skip locked
     )
     returning s.saga_id, s.claim_id, s.user_id, s.epoch, s.is_undoing, s.step, s.undo_asked_at is not null as is_undo_asked`,
  );
  return taken;
}

/** Stores where a saga is now. False: another process has taken it. */
async function store(saga: Taken, state: 'R' | 'C', step: number): Promise<boolean> {
  const [row] = await sale.database.query<{ is_undo_asked: boolean }>(
    `update sagas set state = $3::"char", is_undoing = $3::"char" = 'C', step = $4
     where saga_id = $1 and epoch = $2 and state in ('R', 'C')
     returning undo_asked_at is not null as is_undo_asked`,
    [saga.saga_id, saga.epoch, state, step],
  );
  Object.assign(saga, { is_undoing: state === 'C', step, ...row });
  return row !== undefined;
}

/** Lets the others go on, so that some calls come after another process has taken over. */
async function pause(): Promise<void> {
  if (!chance(shares.late)) return;
  for (const _ of range(Math.floor(random() * 60))) await nextTurn();
}

/** Advances a saga until it has ended, or another process has taken it. */
async function advance(saga: Taken): Promise<void> {
  const own = (kind: 'confirm' | 'release') =>
    change(kind, saga.user_id, {
      ...{ claimId: saga.claim_id, sagaEpoch: saga.epoch, mayReleaseConfirmed: false },
    });
  for (;;) {
    await pause();
    if (saga.is_undoing && saga.step > 0) {
      payments.refund(saga.saga_id);
      if (!(await store(saga, 'C', saga.step - 1))) return;
    } else if (saga.is_undoing || saga.step > 1) {
      if (saga.is_undo_asked && !saga.is_undoing) {
        if (!(await store(saga, 'C', 1))) return;
        continue;
      }
      await decide([own(saga.is_undoing ? 'release' : 'confirm')]);
      return;
    } else if (saga.is_undo_asked || chance(shares.declined) || !payments.capture(saga.saga_id)) {
      // Whether an earlier call has captured it, this process may not know.
      if (!(await store(saga, 'C', 1))) return;
    } else if (!(await store(saga, 'R', 2))) return;
  }
}

/** A process that advances sagas until all have ended. */
async function runSagas(): Promise<void> {
  for (;;) {
    await sale.database.query('select begin_sagas(id, 1, 100000) from coupons');
    const saga = await take();
    if (saga !== undefined) await advance(saga);
    else if (isOver) return;
    else await nextTurn();
  }
}

let batches = 0;

/** A service with users and operators. */
async function serve(): Promise<void> {
  const draw = (): Command => {
    const user = pick(users);
    if (chance(shares.undo)) return change('release', user, { isFinal: false });
    if (chance(shares.redeem)) return change('redeem', user);
    if (chance(0.1)) return change('confirm', user, { mayReleaseConfirmed: false });
    if (chance(0.1)) return change('release', user, { mayReleaseConfirmed: false });
    return claim(user);
  };
  while (batches < batchesMax) {
    batches += 1;
    await decide(range(1 + Math.floor(random() * 5)).map(draw));
    await pause();
  }
}

/** Each look is one snapshot. Returns what was wrong at any moment. */
async function watch(): Promise<unknown[]> {
  const names = ['sagas-match-claims', 'claims-match-stock', 'one-claim-per-user'];
  const rules = consistencyRules.filter(({ name }) => names.includes(name));
  for (;;) {
    const wasOver = isOver;
    const found = await auditRecords(sale.database.query, rules);
    if (found.length > 0 || wasOver) return found;
    await nextTurn();
  }
}

it('no confirmed claim has a compensated saga, no payment is kept without its claim, and no unit has two users', async () => {
  const serving = Promise.all([serve(), serve(), serve()]).then(() => {
    isOver = true;
  });
  const [found] = await Promise.all([watch(), runSagas(), runSagas(), runSagas(), serving]);
  expect(found).toEqual([]);
  expect(await auditRecords(sale.database.query)).toEqual([]);

  const kept = await sale.database.query<{ claim_id: string; expires_at: string | null }>(
    'select claim_id, expires_at::text from claims',
  );
  expect(kept.filter(({ expires_at: end }) => end !== null)).toEqual([]);
  const captured = [...payments.states].flatMap(([saga, state]) =>
    state === 'captured' ? saga : [],
  );
  expect(captured.sort()).toEqual(kept.map(({ claim_id: id }) => sagaIdOf(id)).sort());

  // Without these the test would prove nothing.
  const [ends] = await sale.database.query<{ undone: number; declined: number; redeemed: number }>(
    `select (select count(*)::integer from released_claims where confirmed_at is not null) as undone,
       (select count(*)::integer from released_claims where confirmed_at is null) as declined,
       (select count(*)::integer from redemptions) as redeemed`,
  );
  for (const count of Object.values(ends ?? {})) expect(count).toBeGreaterThan(0);
  for (const what of [
    ...['saga changed', 'saga saga_moved', 'saga announced'],
    ...['caller claimed', 'caller sold_out', 'caller saga_running', 'caller undo_requested'],
  ]) {
    expect(seen.get(what), what).toBeGreaterThan(0);
  }
});
