// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import type { UnhealthyReason } from '../core/health.ts';
import type { HistoryGuard } from '../core/history/history-guard.ts';
import type { AcknowledgedBatch } from '../core/history/ports.ts';
import { createHistoryGuard, shareAcknowledged, withHistory } from './history.ts';

it.each<[UnhealthyReason | undefined, UnhealthyReason]>([
  [undefined, 'history_lost'],
  ['commits_stalled', 'history_lost'],
  ['installation_changed', 'installation_changed'],
])('lost history is shown beside %s as %s', async (reason, shown) => {
  const health = { healthy: reason === undefined, durability: undefined };
  const check = withHistory(async () => ({ ...health, ...(reason && { reason }) }), {
    isLost: true,
  } as HistoryGuard);
  expect(await check()).toMatchObject({ healthy: false, reason: shown });
});

it('the last batches of a process are shared at its end, also where Redis answers only then', async () => {
  const log = { error: () => {}, warn: () => {}, info: () => {} };
  const guard = createHistoryGuard({ claimTimeoutMs: 1_000, log });
  let published: readonly AcknowledgedBatch[] = [];
  let failures = 2;
  const share = await shareAcknowledged(guard, {
    read: async () => [],
    async publish(batches) {
      failures -= 1;
      if (failures >= 0) return false;
      published = batches;
      return true;
    },
  });
  const claim = { claimId: 'c', couponName: 'SALE', userId: 'ada', position: 1, claimedAt: '' };
  guard.batches.add({ batchId: 'b', couponName: 'SALE' }, [
    { outcome: 'claimed', claim: { ...claim, state: 'confirmed' } },
  ]);
  await share();
  expect(published).toMatchObject([{ batchId: 'b' }]);
});
