// SPDX-License-Identifier: GPL-3.0-or-later
import { beforeEach, describe, expect, it } from 'vitest';
import { byTest } from '../../../test/support/by-test.ts';
import { FixedClock } from '../../../test/support/fixed-clock.ts';
import { aChange } from '../../../test/support/scripted-claim-store.ts';
import type { ChangeClaimOutcome, Claim, ClaimOutcome } from '../claims/claim.ts';
import type { AddStock } from '../coupons/add-stock.ts';
import type { StockNotification } from './stock-notifications.ts';
import { StockNotifier } from './stock-notifier.ts';

const soldOut: ClaimOutcome = { outcome: 'sold_out' };
const claimed: ClaimOutcome = { outcome: 'claimed', claim: {} as Claim };
const [isSoldOut, unitsBack] = (['sold_out', 'units_back'] as const).map((kind) => ({
  ...{ kind, couponName: 'C' },
})) as [StockNotification, StockNotification];

describe('StockNotifier', () => {
  let clock: FixedClock;
  let sent: StockNotification[];
  let calls: string[];
  let receive: (notification: StockNotification) => void;
  let notifier: StockNotifier;

  beforeEach(() => {
    clock = new FixedClock();
    sent = [];
    calls = [];
    notifier = new StockNotifier({
      notifications: {
        send: (notification) => sent.push(notification),
        subscribe(onNotification) {
          receive = onNotification;
        },
      },
      soldOut: {
        load: (name) => calls.push(`load ${name}`),
        endRefusals: (name) => calls.push(`end ${name}`),
      },
      clock,
      isKnown: (name) => name !== 'unknown',
    });
  });

  /** Claims that the database decides so, at the same time. Between two calls is enough time for a notification. */
  async function decide(...outcomes: ClaimOutcome[]): Promise<void> {
    await clock.advance(1_000);
    await Promise.all(
      outcomes.map((outcome) =>
        notifier.wrapClaim(async () => outcome)({
          ...{ couponName: 'C', userId: 'ada', idempotencyKey: undefined, claimId: 'id' },
        }),
      ),
    );
  }

  it('notifies once that a coupon has sold out, however many claims are refused', async () => {
    await decide(claimed, soldOut, soldOut);
    await decide(soldOut);
    expect(sent).toEqual([isSoldOut]);
  });

  it('does not repeat what another process has found', async () => {
    receive(isSoldOut);
    await decide(soldOut);
    expect(sent).toEqual([]);
    receive(unitsBack);
    await decide(soldOut);
    expect(sent).toEqual([isSoldOut]);
  });

  it('notifies of units that a claim has found on a coupon that had sold out', async () => {
    await decide(soldOut);
    await decide(claimed, claimed);
    await decide(soldOut);
    expect(sent).toEqual([isSoldOut, unitsBack, isSoldOut]);
  });

  it('trusts no decision that may be older than what it has received', async () => {
    let answer: (outcome: ClaimOutcome) => void = () => undefined;
    const decided = new Promise<ClaimOutcome>((resolve) => {
      answer = resolve;
    });
    const claim = notifier.wrapClaim(() => decided)({
      ...{ couponName: 'C', userId: 'ada', idempotencyKey: undefined, claimId: 'id' },
    });
    receive(isSoldOut);
    answer(claimed);
    expect(await claim).toBe(claimed);
    expect(sent).toEqual([]);
  });

  it('notifies of a release and of added units, once until the coupon sells out again', async () => {
    const outcome: ChangeClaimOutcome = { outcome: 'changed', claim: {} as Claim };
    const change = notifier.wrapChangeClaim(async () => outcome);
    const add = notifier.wrapAddStock(
      async () => ({ replayed: false }) as Awaited<ReturnType<AddStock>>,
    );
    await change({ ...aChange('confirm', 'ada'), couponName: 'C' });
    expect(sent).toEqual([]);
    await change({ ...aChange('release', 'ada'), couponName: 'C' });
    await add({ name: 'C', units: 1, idempotencyKey: undefined }, byTest);
    notifier.unitsBack('C');
    expect(sent).toEqual([unitsBack]);
    await decide(soldOut);
    await clock.advance(1_000);
    await add({ name: 'C', units: 1, idempotencyKey: undefined }, byTest);
    expect(sent).toEqual([unitsBack, isSoldOut, unitsBack]);
  });

  it('sends at most ten notifications a second of one coupon, and the last one in any case', async () => {
    for (let ms = 0; ms < 1_000; ms += 10) {
      notifier.unitsBack('C');
      await notifier.wrapClaim(async () => soldOut)({
        ...{ couponName: 'C', userId: 'ada', idempotencyKey: undefined, claimId: 'id' },
      });
      await clock.advance(10);
    }
    expect(sent.length).toBeLessThanOrEqual(11);
    await clock.advance(100);
    expect(sent.at(-1)).toEqual(isSoldOut);
  });

  it('loads a sold-out coupon that this process knows, and ends refusals when units are back', () => {
    receive(isSoldOut);
    receive({ ...isSoldOut, couponName: 'unknown' });
    receive(unitsBack);
    expect(calls).toEqual(['load C', 'end C']);
  });
});
