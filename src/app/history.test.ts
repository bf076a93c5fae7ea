// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import type { UnhealthyReason } from '../core/health.ts';
import type { HistoryGuard } from '../core/history/history-guard.ts';
import { withHistory } from './history.ts';

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
