// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import {
  type Defect,
  type SimulationCounts,
  simulateSoldOut,
  sumOf,
} from '../../../test/support/sold-out-simulation.ts';

const runs = 100;

async function simulate(hasNotifications: boolean): Promise<SimulationCounts> {
  const all = [];
  for (let seed = 1; seed <= runs; seed += 1) {
    all.push(await simulateSoldOut({ seed, hasNotifications }));
  }
  return sumOf(all);
}

/** Whether simulations with the defect show it. */
async function isFound(defect: Defect, by: keyof SimulationCounts): Promise<boolean> {
  for (let seed = 1; seed <= runs; seed += 1) {
    const counts = await simulateSoldOut({
      ...{ seed, defect, hasNotifications: defect === 'takes a notification for a snapshot' },
    });
    if (counts[by] > 0) return true;
  }
  return false;
}

describe('sold-out caches and units that come back', () => {
  it.each([
    ['without notifications', false],
    ['with notifications that are late, lost, out of order, sent twice or for no reason', true],
  ])(
    'never refuse a claim as sold_out while units are left from its start to its answer, nor a holder, %s',
    async (_, hasNotifications) => {
      const counts = await simulate(hasNotifications);
      expect(counts).toMatchObject({ wrongRefusals: 0, refusedHolders: 0 });
      // A run without such events proves nothing.
      expect(counts.fromCache).toBeGreaterThan(10 * runs);
      expect(counts.added).toBeGreaterThan(runs);
      expect(counts.released).toBeGreaterThan(runs);
      expect(counts.announcedAgain).toBeGreaterThan(runs / 10);
      if (!hasNotifications) return;
      expect(counts.notified).toBeGreaterThan(10 * runs);
      expect(counts.loadedByNotification).toBeGreaterThan(runs);
    },
  );

  it.each([
    ['the database releases at once', 'releases at once', 'wrongRefusals'],
    ['the database hides the end of holds', 'hides the end of holds', 'wrongRefusals'],
    ['the database hides new holders', 'hides new holders', 'refusedHolders'],
    [
      'a process takes a notification for a snapshot',
      'takes a notification for a snapshot',
      'wrongRefusals',
    ],
  ] as const)('are found wrong where %s', async (_, defect, by) => {
    expect(await isFound(defect, by)).toBe(true);
  });
});
