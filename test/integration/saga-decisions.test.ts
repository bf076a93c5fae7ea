// SPDX-License-Identifier: GPL-3.0-or-later
/** Who may confirm, release and redeem a claim with a saga, and when. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BatchOutcome } from '../../src/core/claims/ports.ts';
import { sagaIdOf } from '../../src/core/sagas/saga-id.ts';
import { auditRecords } from '../support/audit.ts';
import {
  type Command,
  change,
  claim,
  type HoldStores,
  openHoldStores,
  rulesOfEndedHolds,
} from '../support/batch-commands.ts';
import { type SagaPlace, sagaClaims, sagaPlaces } from '../support/saga-claims.ts';

let sale: HoldStores;
let saga: ReturnType<typeof sagaClaims>;
let coupons = 0;

// A saga that an operator ends as done is about to be so.
const rules = rulesOfEndedHolds.filter(({ name }) => name !== 'sagas-match-claims');

beforeAll(async () => {
  sale = await openHoldStores();
  saga = sagaClaims(sale);
});

afterAll(async () => {
  expect(await auditRecords(sale.database.query, rules)).toEqual([]);
  await sale.close();
});

async function claimAt(place: SagaPlace, amount?: number) {
  coupons += 1;
  const coupon = `coupon-${coupons}`;
  await saga.createCoupon(coupon, amount);
  return { coupon, claimId: await saga.claimAt(place, coupon, 'ada', 'k') };
}

const byUser = { mayReleaseConfirmed: false };

/** What callers other than the saga send. */
const commands = {
  confirm: (claimId) => change('confirm', 'ada', { claimId, ...byUser }),
  redeem: (claimId) => change('redeem', 'ada', { claimId, ...byUser }),
  release: (claimId) => change('release', 'ada', { claimId, ...byUser }),
  'final release': (claimId) => change('release', 'ada', { claimId, isFinal: true, ...byUser }),
  'release by an operator': (claimId) => change('release', 'ada', { claimId, reason: 'refund' }),
  'final release by an operator': (claimId) => change('release', 'ada', { claimId, isFinal: true }),
} satisfies Record<string, (claimId: string | undefined) => Command>;
type CommandName = keyof typeof commands;
const commandNames = Object.keys(commands) as CommandName[];

const allOf = (outcome: string) =>
  Object.fromEntries(commandNames.map((name) => [name, outcome])) as Record<CommandName, string>;
const byOperator = (outcome: string) => ({
  ...{ 'release by an operator': outcome, 'final release by an operator': outcome },
});
const whileItGoesOn = { ...allOf('saga_running'), ...byOperator('undo_requested') };

const answers: Record<SagaPlace, Record<CommandName, string>> = {
  'not begun': whileItGoesOn,
  running: whileItGoesOn,
  'running, undo asked': whileItGoesOn,
  compensating: whileItGoesOn,
  'all undone': whileItGoesOn,
  'in need of attention': whileItGoesOn,
  'undone after its end': whileItGoesOn,
  'all undone after its end': whileItGoesOn,
  'ended as done after its end': whileItGoesOn,
  done: {
    ...allOf('forbidden'),
    ...{ confirm: 'unchanged', redeem: 'changed' },
    ...byOperator('undo_requested'),
  },
  'done and redeemed': allOf('already_redeemed'),
  compensated: {
    ...allOf('unchanged'),
    ...{ confirm: 'claim_released', redeem: 'claim_released', 'final release': 'forbidden' },
  },
};

/** The state of the saga that a claim shows, before any command. */
const shownAt: Partial<Record<SagaPlace, string>> = {
  compensating: 'compensating',
  'all undone': 'compensating',
  'in need of attention': 'needs_attention',
  'undone after its end': 'compensating',
  'all undone after its end': 'compensating',
  'ended as done after its end': 'done',
  done: 'done',
  'done and redeemed': 'done',
  compensated: 'compensated',
};
/** After an operator has asked for the undo. */
const shownAfterUndo: Partial<Record<SagaPlace, string>> = {
  'in need of attention': 'compensating',
  done: 'compensating',
};

const stateOf = (place: SagaPlace) => {
  if (place === 'compensated') return 'released';
  if (place === 'done and redeemed') return 'redeemed';
  return place === 'done' || place.endsWith('after its end') ? 'confirmed' : 'reserved';
};

const rows = sagaPlaces.flatMap((place) =>
  commandNames.flatMap((command) =>
    ['with its id', 'without its id', 'among others'].map((how) => ({ place, command, how })),
  ),
);

describe('a claim whose saga is', () => {
  it.each(rows)('$place answers a $command $how by where its saga is', async (row) => {
    const { place, command, how } = row;
    const { coupon, claimId } = await claimAt(place);
    const sent = commands[command](how === 'without its id' ? undefined : claimId);
    const batch =
      how === 'among others' ? [claim('bob'), sent, claim('eve'), claim('bob')] : [sent];
    const before = await saga.recordsOf(coupon);
    const decided = (await sale.decide(coupon, batch))[batch.indexOf(sent)] as BatchOutcome;
    const outcome = answers[place][command];
    expect(decided).toMatchObject({ outcome });
    if (outcome === 'forbidden') return;
    const changed = outcome === 'changed' ? 'redeemed' : stateOf(place);
    const after = outcome === 'undo_requested' ? shownAfterUndo[place] : undefined;
    expect(decided).toMatchObject({
      claim: {
        ...{ claimId, position: 1, state: changed, sagaId: sagaIdOf(claimId) },
        sagaState: after ?? shownAt[place] ?? 'running',
      },
    });
    expect(decided).not.toHaveProperty('claim.expiresAt');
    if (outcome === 'saga_running' && how !== 'among others') {
      expect(await saga.recordsOf(coupon)).toEqual(before);
    }
  });
});

/** What a saga may do to its own claim. All else is 'saga_moved'. */
const ownMoves: Partial<Record<SagaPlace, { confirm?: string; release?: string }>> = {
  running: { confirm: 'changed' },
  'all undone': { release: 'changed' },
  'all undone after its end': { release: 'changed' },
  'ended as done after its end': { confirm: 'unchanged' },
  done: { confirm: 'unchanged' },
  'done and redeemed': { confirm: 'unchanged' },
  compensated: { release: 'unchanged' },
};

describe.each(sagaPlaces)('a saga that is %s', (place) => {
  it.each(['confirm', 'release'] as const)('may %s its claim only from there', async (kind) => {
    const { coupon, claimId } = await claimAt(place);
    const before = await saga.recordsOf(coupon);
    const expected = ownMoves[place]?.[kind] ?? 'saga_moved';
    const [decided] = await sale.decide(coupon, [saga.own(kind, 'ada', claimId)]);
    expect(decided?.outcome).toBe(expected);
    if (expected === 'saga_moved') {
      expect(await saga.recordsOf(coupon)).toEqual(before);
      return;
    }
    const isConfirm = kind === 'confirm';
    const state = place === 'done and redeemed' ? 'redeemed' : isConfirm ? 'confirmed' : 'released';
    const sagaState = isConfirm ? 'done' : 'compensated';
    expect(decided).toMatchObject({ claim: { claimId, state, sagaState } });
    expect(await saga.rowOf(coupon, 'ada')).toMatchObject({
      ...{ state: isConfirm ? 'D' : 'X', has_ended: true },
    });
    expect(await sale.stockOf(coupon)).toMatchObject({ remaining: isConfirm ? 9 : 10 });
    // The same again changes nothing.
    const ended = await saga.recordsOf(coupon);
    const [again] = await sale.decide(coupon, [saga.own(kind, 'ada', claimId)]);
    expect(again).toMatchObject({ outcome: 'unchanged', claim: { claimId, state, sagaState } });
    expect(await saga.recordsOf(coupon)).toEqual(ended);
  });

  it.each([
    ...(['confirm', 'release'] as const).flatMap((kind) =>
      ['0', '2'].map((epoch) => ({ kind, epoch })),
    ),
  ])(
    'never changes its claim by a $kind under the epoch $epoch, of another process',
    async (row) => {
      const { coupon, claimId } = await claimAt(place);
      const before = await saga.recordsOf(coupon);
      const decided = await sale.decide(coupon, [saga.own(row.kind, 'ada', claimId, row.epoch)]);
      expect(decided).toEqual([{ outcome: 'saga_moved' }]);
      expect(await saga.recordsOf(coupon)).toEqual(before);
    },
  );
});

it('a saga changes no claim of another coupon, and none that does not exist', async () => {
  const one = await claimAt('running');
  const other = await claimAt('running');
  for (const claimId of [one.claimId, '00000000-0000-0000-0000-000000000000']) {
    const [decided] = await sale.decide(other.coupon, [saga.own('confirm', 'ada', claimId)]);
    expect(decided).toEqual({ outcome: 'saga_moved' });
  }
});
