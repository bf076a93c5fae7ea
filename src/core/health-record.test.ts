// SPDX-License-Identifier: GPL-3.0-or-later
import { beforeEach, describe, expect, it } from 'vitest';
import { FixedClock } from '../../test/support/fixed-clock.ts';
import type { Health } from './health.ts';
import { HealthRecord } from './health-record.ts';

const well: Health = { healthy: true, durability: 'replicated' };
const stalled: Health = { ...well, healthy: false, reason: 'commits_stalled' };
const gone: Health = { healthy: false, durability: undefined };

let clock: FixedClock;
let lines: [Record<string, unknown>, string][];
let record: HealthRecord;

beforeEach(() => {
  clock = new FixedClock();
  lines = [];
  record = new HealthRecord({ clock, warn: (event, message) => lines.push([event, message]) });
});

describe('a health record', () => {
  it('logs once that commits stall, and once that they succeed again, with the time between', async () => {
    for (const health of [well, stalled, stalled, gone, stalled]) {
      record.observe(health);
      await clock.advance(1_000);
    }
    record.observe(well);
    record.observe(well);
    expect(lines).toEqual([
      [{}, expect.stringContaining('no commit succeeds')],
      [{ stalledMs: 4_000 }, 'commits succeed again'],
    ]);
  });

  it('logs nothing of a stall of less than two seconds', async () => {
    for (const health of [well, stalled, stalled, well]) {
      record.observe(health);
      await clock.advance(1_000);
    }
    expect(lines).toEqual([]);
  });

  it('counts and logs each drop of the durability, and logs each rise', () => {
    const levels = ['replicated', 'local', 'local', 'replicated', 'unsafe', 'local'] as const;
    for (const durability of levels) record.observe({ healthy: true, durability });
    expect(lines.map(([event]) => event)).toEqual([
      { from: 'replicated', to: 'local' },
      { from: 'local', to: 'replicated' },
      { from: 'replicated', to: 'unsafe' },
      { from: 'unsafe', to: 'local' },
    ]);
    expect(record.seen().durabilityDrops).toBe(2);
  });

  it('keeps the last level while the database does not respond, and counts a drop that it shows afterwards', () => {
    record.observe(well);
    record.observe(gone);
    expect(record.seen()).toMatchObject({ reason: undefined, durability: 'replicated' });
    record.observe({ healthy: true, durability: 'local' });
    expect(record.seen()).toMatchObject({ durability: 'local', durabilityDrops: 1 });
  });
});
