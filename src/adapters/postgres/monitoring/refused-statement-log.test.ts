// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { Refusal } from '../errors/refusal.ts';
import { RefusedStatementLog } from './refused-statement-log.ts';

const create = { name: 'firstcome create-coupon', text: '' };
const claim = { name: 'firstcome claim-batch', text: '' };
const sequence: Refusal = {
  ...{ rule: 'sequence', sqlState: '23505', constraint: 'coupons_primary_key' },
  ...{ schema: 'sale', table: 'coupons' },
};
const foreign: Refusal = { rule: 'foreign', sqlState: 'P0001', function: 'check_user() line 3' };

function setup() {
  const lines: { event: Record<string, unknown>; message: string }[] = [];
  const counted: string[] = [];
  const clock = { nowMs: 0 };
  const refusals = new RefusedStatementLog({
    warn: (event, message) => lines.push({ event, message }),
    metrics: { statementRefused: (rule) => counted.push(rule) },
    nowMs: () => clock.nowMs,
  });
  return { refusals, lines, counted, clock };
}

describe('RefusedStatementLog', () => {
  it('logs the rule and the names of the schema', () => {
    const { refusals, lines } = setup();
    refusals.refused(claim, foreign);
    expect(lines).toEqual([
      {
        event: { statement: 'claim-batch', ...foreign, refusedSinceLastLine: 0 },
        message: 'the database refuses a change by a constraint or a trigger of another program',
      },
    ]);
  });

  it('logs the statement to run for an id in use, with the schema of the table', () => {
    const { refusals, lines } = setup();
    refusals.refused(create, sequence);
    refusals.refused(create, { ...sequence, schema: 'Odd', rule: 'leftovers' });
    expect(lines.map(({ event }) => event.remedy)).toEqual([
      expect.stringMatching(
        /^select setval\(pg_get_serial_sequence\('sale\.coupons', 'id'\), greatest\(.* from sale\.claims\)/,
      ),
      expect.stringContaining(`'"Odd".coupons'`),
    ]);
  });

  it('logs no statement to run where setval does not help', () => {
    const { refusals, lines } = setup();
    refusals.refused(claim, { rule: 'leftovers', sqlState: '23505' });
    expect(lines[0]?.event).not.toHaveProperty('remedy');
  });

  it('counts each refusal, and logs each kind once a minute', () => {
    const { refusals, lines, counted, clock } = setup();
    for (let second = 0; second <= 120; second += 1) {
      clock.nowMs = second * 1000;
      refusals.refused(create, sequence);
    }
    refusals.refused(claim, foreign);
    expect(counted.filter((rule) => rule === 'sequence')).toHaveLength(121);
    expect(lines.map(({ event }) => [event.statement, event.refusedSinceLastLine])).toEqual([
      ['create-coupon', 0],
      ['create-coupon', 59],
      ['create-coupon', 59],
      ['claim-batch', 0],
    ]);
  });

  it('logs at most 50 kinds a minute, and counts each refusal', () => {
    const { refusals, lines, counted, clock } = setup();
    for (let kind = 0; kind < 1_000; kind += 1) {
      refusals.refused(claim, { ...foreign, function: `f() line ${kind}` });
    }
    expect(lines).toHaveLength(50);
    clock.nowMs = 60_000;
    for (let kind = 1_000; kind < 2_000; kind += 1) {
      refusals.refused(claim, { ...foreign, function: `f() line ${kind}` });
    }
    expect(lines).toHaveLength(100);
    expect(counted).toHaveLength(2_000);
  });
});
