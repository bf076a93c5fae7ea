// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FixedClock } from '../../../test/support/fixed-clock.ts';
import { aCommand } from '../../../test/support/scripted-claim-store.ts';
import { AppError } from '../errors.ts';
import { Admission, type AdmissionLimits } from './admission.ts';
import { ClaimLane } from './claim-lane.ts';
import { PendingDecision } from './pending-decision.ts';

const ignore = () => undefined;

function setup(limits: Partial<AdmissionLimits> = {}) {
  const shed: string[] = [];
  const lanes = new Map<string, ClaimLane>();
  const clock = new FixedClock();
  const admission = new Admission({
    limits: {
      ...{ batchMax: 2, laneWaitingMax: 10, waitMaxMs: 1_000, lanesMax: 10, waitingMax: 10 },
      ...limits,
    },
    clock,
    metrics: { shed: (reason) => shed.push(reason) },
    lanes,
  });
  /** A lane in which as many claims wait, and whose last batch took `batchMs`. */
  const laneOf = (waiting: number, batchMs = 0) => {
    const lane = new ClaimLane('LAUNCH', { onReady: ignore, onIdle: ignore });
    lanes.set('LAUNCH', lane);
    lane.batchTook(batchMs);
    for (let count = 0; count < waiting; count += 1) {
      lane.add(new PendingDecision(aCommand(`user-${count}`), 0, ignore));
    }
    return lane;
  };
  /** Undefined when the claim is let in. */
  const refusal = (lane?: ClaimLane) => {
    const admitted = admission.admit(aCommand('ada'), lane);
    return admitted instanceof AppError ? admitted : undefined;
  };
  return { admission, shed, clock, laneOf, refusal };
}

describe('admission', () => {
  it('lets a claim in with its time of arrival, and counts it until it is answered', async () => {
    const { admission, clock } = setup();
    await clock.advance(7);
    const claim = admission.admit(aCommand('ada'), undefined);
    if (claim instanceof AppError) throw claim;
    expect(claim.arrivedMs).toBe(7);
    expect(admission.unanswered).toBe(1);
    claim.decide({ outcome: 'sold_out' });
    expect(admission.unanswered).toBe(0);
  });

  it('refuses one claim more than waitingMax that are not answered', () => {
    const { shed, refusal } = setup({ waitingMax: 2 });
    expect([refusal(), refusal()]).toEqual([undefined, undefined]);
    expect(refusal()).toMatchObject({ code: 'overloaded' });
    expect(shed).toEqual(['waiting']);
  });

  it('refuses a claim that opens one lane more than lanesMax, and no claim of an open lane', () => {
    const { shed, laneOf, refusal } = setup({ lanesMax: 1 });
    const lane = laneOf(1);
    expect(refusal(lane)).toBeUndefined();
    expect(refusal()).toMatchObject({ code: 'overloaded' });
    expect(shed).toEqual(['lanes']);
  });

  it('refuses one claim more than laneWaitingMax in a lane', () => {
    const { shed, laneOf, refusal } = setup({ laneWaitingMax: 3, batchMax: 100 });
    expect(refusal(laneOf(2))).toBeUndefined();
    expect(refusal(laneOf(3))).toMatchObject({ code: 'overloaded' });
    expect(shed).toEqual(['lane']);
  });

  it('refuses a claim that would wait longer than waitMaxMs and does not fit the next batch', () => {
    const { shed, laneOf, refusal } = setup({ batchMax: 2, waitMaxMs: 900 });
    expect(refusal(laneOf(1, 10_000))).toBeUndefined();
    // Three batches: the one under way, the one before this claim, and its own.
    expect(refusal(laneOf(2, 300))).toBeUndefined();
    expect(refusal(laneOf(2, 301))).toMatchObject({ code: 'overloaded' });
    expect(shed).toEqual(['wait']);
  });

  it('refuses every claim as unavailable once it is closed', () => {
    const { admission, shed, laneOf, refusal } = setup();
    admission.close();
    expect(refusal(laneOf(0))).toMatchObject({ code: 'unavailable' });
    expect(shed).toEqual(['stopping']);
  });
});
