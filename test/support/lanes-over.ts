// SPDX-License-Identifier: GPL-3.0-or-later
import { systemClock } from '../../src/adapters/system/clock.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import { ClaimLanes } from '../../src/core/claims/claim-lanes.ts';
import type { ClaimStore } from '../../src/core/claims/ports.ts';

/** Lanes over a store, which report nothing and refuse nothing. */
export function lanesOver(
  store: ClaimStore,
  limits: { batchMax: number; commitsUnderWayMax: number },
): ClaimLanes {
  const ignore = () => undefined;
  return new ClaimLanes({
    store,
    limits: {
      ...{ laneWaitingMax: 1_000, waitMaxMs: 60_000, lanesMax: 10, waitingMax: 1_000 },
      ...{ timeoutMs: 120_000, ...limits },
    },
    // Waits between two void marks take a twentieth of the time.
    clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 20, signal) },
    metrics: {
      ...{ answered: ignore, shed: ignore, batchDecided: ignore },
      ...{ batchUnknown: ignore, batchResolved: ignore },
    },
    log: { warn: ignore },
    newBatchId: newId,
    onCouponNotFound: ignore,
    onSoldOut: ignore,
    onChanged: ignore,
  });
}
