// SPDX-License-Identifier: GPL-3.0-or-later
/** Claims with sagas, decided without a process that runs these. */
import type { ClaimChange } from '../../src/core/claims/claim.ts';
import type { BatchOutcome } from '../../src/core/claims/ports.ts';
import { change, claim, type HoldStores } from './batch-commands.ts';

/** Where a saga is. Its claim is reserved unless the name says otherwise. */
export type SagaPlace = (typeof sagaPlaces)[number];

/** Every place with decisions of its own. */
export const sagaPlaces = [
  'not begun',
  'running',
  'running, undo asked',
  'compensating',
  'all undone',
  'in need of attention',
  'done',
  'done and redeemed',
  'undone after its end',
  'all undone after its end',
  'ended as done after its end',
  'compensated',
] as const;

/** What becomes of a saga's row on the way to a place. */
const rowAt: Partial<Record<SagaPlace, string>> = {
  'running, undo asked': `undo_asked_at = now()`,
  compensating: `state = 'C', is_undoing = true, attempts = 2`,
  'all undone': `state = 'C', is_undoing = true, step = 0`,
  'in need of attention': `state = 'A', step = 2, attempts = 5`,
  'undone after its end': `state = 'C', is_undoing = true, ended_at = null`,
  'all undone after its end': `state = 'C', is_undoing = true, step = 0, ended_at = null`,
  'ended as done after its end': `state = 'R', ended_at = null`,
  compensated: `state = 'C', is_undoing = true, step = 0`,
};

/** The row of a saga. */
export type SagaRow = {
  state: string;
  is_undoing: boolean;
  step: number;
  attempts: number;
  epoch: string;
  is_due: boolean;
  has_ended: boolean;
  is_undo_asked: boolean;
  undo_reason: string | null;
  undo_is_final: boolean;
};

/** Coupons whose claims have sagas, on the database of `sale`. */
export function sagaClaims(sale: HoldStores) {
  const { database } = sale;
  const idOf = '(select id from coupons where name = $1)';
  const own = (kind: Exclude<ClaimChange, 'redeem'>, user: string, claimId: string, epoch = '1') =>
    change(kind, user, { claimId, sagaEpoch: epoch, mayReleaseConfirmed: false });
  const saga = {
    ...{ own },

    /** Creates a coupon whose claims have a saga. */
    createCoupon: (name: string, amount = 10, set = 'paused = false') =>
      sale.createCoupon(name, amount, `saga = 'checkout', ${set}`),

    async rowOf(coupon: string, user: string): Promise<SagaRow | undefined> {
      const [row] = await database.query<SagaRow>(
        `select state, is_undoing, step, attempts, epoch, due_at <= clock_timestamp() as is_due,
           ended_at is not null as has_ended, undo_asked_at is not null as is_undo_asked, undo_reason, undo_is_final
         from sagas where coupon_id = ${idOf} and user_id = $2
         order by position desc limit 1`,
        [coupon, user],
      );
      return row;
    },

    /** Everything that a decision about a claim can change. */
    recordsOf: (coupon: string) =>
      database.query<{ records: unknown }>(
        `select jsonb_build_object(
           'claims', (select jsonb_agg(to_jsonb(k) order by k.position) from claims k where k.coupon_id = c.id),
           'released', (select jsonb_agg(to_jsonb(k) order by k.position) from released_claims k where k.coupon_id = c.id),
           'sagas', (select jsonb_agg(to_jsonb(s) order by s.position) from sagas s where s.coupon_id = c.id),
           'rows', c.ledger_seq, 'remaining', c.remaining_amount, 'announced', c.stock_announced
         ) as records from coupons c where c.name = $1`,
        [coupon],
      ),

    /** Begins the sagas of a coupon under epoch 1, due later. */
    async begin(coupon: string): Promise<void> {
      await database.query(`select begin_sagas(id, 1, 1000) from coupons where name = $1`, [
        coupon,
      ]);
      await database.query(
        `update sagas set epoch = 1, due_at = now() + interval '1 hour' where coupon_id = ${idOf}`,
        [coupon],
      );
    },

    /** Claims a unit for a user, and brings its saga to a place. Returns the id of the claim. */
    async claimAt(place: SagaPlace, coupon: string, user: string, key?: string): Promise<string> {
      const [made] = await sale.decide(coupon, [
        claim(user, { ...(key !== undefined && { key }) }),
      ]);
      const claimId = claimIdOf(made);
      if (place === 'not begun') return claimId;
      await saga.begin(coupon);
      const end = async (kind: 'confirm' | 'release') => {
        const [decided] = await sale.decide(coupon, [own(kind, user, claimId)]);
        if (decided?.outcome !== 'changed') throw new Error(`${kind}: ${decided?.outcome}`);
      };
      if (place.startsWith('done') || place.includes('after its end')) await end('confirm');
      if (place === 'done and redeemed') await sale.decide(coupon, [change('redeem', user)]);
      const set = rowAt[place];
      if (set !== undefined) {
        await database.query(`update sagas set ${set} where coupon_id = ${idOf} and user_id = $2`, [
          coupon,
          user,
        ]);
      }
      if (place === 'compensated') await end('release');
      return claimId;
    },
  };
  return saga;
}

function claimIdOf(made: BatchOutcome | undefined): string {
  if (made?.outcome !== 'claimed') throw new Error(`claim: ${made?.outcome}`);
  return made.claim.claimId;
}
