// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { DelayQueue } from '../../src/proof/drill/delay-queue.ts';
import { Histogram } from '../../src/proof/drill/histogram.ts';
import { HistoryWriter } from '../../src/proof/drill/history-writer.ts';
import { Random } from '../../src/proof/drill/random.ts';
import type { ServiceRequest } from '../../src/proof/drill/request.ts';
import { flawsOf, readHistory } from '../support/drill-history.ts';

const folder = mkdtempSync(join(tmpdir(), 'firstcome-drill-records-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the histogram', () => {
  it('computes percentiles at most a 64th too high, over all magnitudes', () => {
    const histogram = new Histogram();
    const values = Array.from({ length: 5000 }, (_, index) => 0.01 * 1.003 ** index);
    for (const value of values) histogram.add(value);
    for (const percent of [1, 25, 50, 90, 99, 99.9]) {
      const exact = values[Math.ceil((percent / 100) * values.length) - 1] ?? 0;
      const estimate = histogram.percentileMs(percent);
      if (exact > 890_000) continue;
      expect(estimate).toBeGreaterThanOrEqual(exact - 0.0005);
      expect(estimate).toBeLessThanOrEqual(exact * (1 + 1 / 64) + 0.001);
    }
    expect(histogram.percentileMs(100)).toBe(values.at(-1));
  });

  it('starts with an empty histogram, and clears it', () => {
    const histogram = new Histogram();
    expect(histogram.percentiles()).toEqual({ count: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 });
    histogram.add(5);
    histogram.clear();
    expect(histogram.curve()).toEqual([]);
    expect(histogram.count).toBe(0);
  });

  it('counts hours in the last bucket of a histogram', () => {
    const histogram = new Histogram();
    histogram.add(10_000_000);
    expect(histogram.percentileMs(100)).toBe(10_000_000);
    expect(histogram.percentileMs(50)).toBeGreaterThan(880_000);
  });

  it('draws a curve that never falls and ends with the maximum', () => {
    const histogram = new Histogram();
    for (let ms = 1; ms <= 1000; ms += 1) histogram.add(ms);
    const curve = histogram.curve();
    expect(curve.at(-1)).toEqual([100, 1000]);
    const durations = curve.map(([, ms]) => ms);
    expect(durations).toEqual([...durations].sort((one, other) => one - other));
  });
});

describe('the history writer', () => {
  const node = 'http://127.0.0.1:1';
  const head = {
    ...{ scenario: 'flash-sale', seed: 1, nodes: [node], started_at: '2026-01-02T03:04:05Z' },
    ...{ history: 'firstcome', version: 1, options: { users: 1 } },
  };
  const open = (name: string) => {
    let ms = 0;
    const now = () => {
      ms += 0.123456;
      return ms;
    };
    const file = join(folder, name);
    const writer = new HistoryWriter(file, head as never, now);
    writer.open();
    return { file, writer };
  };
  const claim: ServiceRequest = { f: 'claim', coupon: 'c"\\\n', user: 'ü🎉', key: 'k', attempt: 2 };

  it('writes one JSON object a line: the head, then the events of the contract', () => {
    const { file, writer } = open('members.jsonl');
    const create: ServiceRequest = {
      f: 'create',
      coupon: 'c',
      units: 3,
      attempt: 1,
      opensAt: 'then',
    };
    writer.complete(writer.invoke(0, 0, create), { type: 'ok', outcome: 'created', http: 201 });
    writer.complete(writer.invoke(1, 0, claim), {
      ...{ type: 'info', outcome: 'outcome_unknown', http: 503, effect: 'unknown', claimId: 'x' },
      ...{ retryAfterS: 1, position: 4, claimedAt: 'now', amount: 9, remainingAmount: 8 },
    });
    writer.close();
    const read = readHistory(file);
    expect(read.head).toEqual(head);
    const same = { node, f: 'claim', coupon: 'c"\\\n', user: 'ü🎉', key: 'k', attempt: 2 };
    expect(read.events).toEqual([
      {
        ...{ i: 0, t_ms: 0.123, type: 'invoke', op: 0, proc: 0, node, f: 'create', coupon: 'c' },
        ...{ attempt: 1, units: 3, opens_at: 'then', closes_at: null },
      },
      {
        ...{ i: 1, t_ms: 0.247, type: 'ok', op: 0, proc: 0, node, f: 'create', coupon: 'c' },
        ...{ attempt: 1, units: 3, http: 201, outcome: 'created' },
      },
      { i: 2, t_ms: 0.37, type: 'invoke', op: 1, proc: 1, ...same },
      {
        ...{ i: 3, t_ms: 0.494, type: 'info', op: 1, proc: 1, ...same, http: 503 },
        ...{ outcome: 'outcome_unknown', effect: 'unknown', claim_id: 'x', position: 4 },
        ...{ claimed_at: 'now', retry_after_s: 1, amount: 9, remaining_amount: 8 },
      },
    ]);
  });

  it('writes the claim that a change names with its request, and the state with its answer', () => {
    const { file, writer } = open('changes.jsonl');
    const confirm: ServiceRequest = {
      f: 'confirm',
      coupon: 'c',
      user: 'u',
      claimId: 'a',
      attempt: 1,
    };
    writer.complete(writer.invoke(0, 0, confirm), {
      ...{ type: 'ok', outcome: 'confirmed', http: 200, claimId: 'b', state: 'confirmed' },
      ...{ expiresAt: '1', confirmedAt: '2', redeemedAt: '3', releasedAt: '4' },
    });
    const list: ServiceRequest = { f: 'list_claims', coupon: 'c', cursor: '9', attempt: 1 };
    writer.complete(writer.invoke(0, 0, list), {
      ...{ type: 'ok', outcome: 'listed', listed: [['a', 'released']], nextCursor: '10' },
    });
    const create: ServiceRequest = {
      f: 'create',
      coupon: 'c',
      units: 1,
      attempt: 1,
      holdSeconds: 5,
    };
    writer.invoke(0, 0, create);
    writer.close();
    expect(readHistory(file).events).toMatchObject([
      { f: 'confirm', type: 'invoke', claim_id: 'a' },
      {
        ...{ f: 'confirm', type: 'ok', claim_id: 'b', state: 'confirmed', expires_at: '1' },
        ...{ confirmed_at: '2', redeemed_at: '3', released_at: '4' },
      },
      { f: 'list_claims', type: 'invoke', cursor: '9' },
      { f: 'list_claims', type: 'ok', claims: [['a', 'released']], next_cursor: '10' },
      { f: 'create', type: 'invoke', hold_seconds: 5 },
    ]);
  });

  it('leaves no gap and keeps the order, however many events there are', () => {
    const { file, writer } = open('many.jsonl');
    for (let round = 0; round < 5000; round += 1) {
      const operations = [0, 1, 2].map((proc) => writer.invoke(proc, 0, claim));
      for (const operation of operations.reverse()) {
        writer.complete(operation, { type: 'fail', outcome: 'sold_out', effect: 'none' });
      }
    }
    expect(writer.events).toBe(30_000);
    expect(writer.operations).toBe(15_000);
    writer.close();
    writer.close();
    const { events } = readHistory(file);
    expect(events).toHaveLength(30_000);
    expect(flawsOf(events)).toEqual([]);
  });

  it('makes all events readable up to the last flush', () => {
    const { file, writer } = open('flushed.jsonl');
    writer.invoke(0, 0, claim);
    writer.flush();
    expect(readHistory(file).events).toHaveLength(1);
    writer.close();
  });
});

describe('the delay queue', () => {
  it('returns items by due time, equal ones in order of arrival', () => {
    const random = new Random(7);
    const line = new DelayQueue<{ dueMs: number; count: number }>();
    const all = Array.from({ length: 1000 }, (_, count) => ({ dueMs: random.below(200), count }));
    for (const one of all) line.add(one.dueMs, one);
    expect(line.size).toBe(1000);
    const taken: typeof all = [];
    for (let ms = 0; ms < 200; ms += 1) {
      for (let one = line.takeDue(ms); one !== undefined; one = line.takeDue(ms)) taken.push(one);
      expect(line.firstDueMs ?? ms + 1).toBeGreaterThan(ms);
    }
    expect(taken).toEqual(all.sort((a, b) => a.dueMs - b.dueMs || a.count - b.count));
    expect(line.size).toBe(0);
  });

  it('keeps items that are not due, and drops all on clear', () => {
    const line = new DelayQueue<string>();
    line.add(10, 'a');
    expect(line.takeDue(9)).toBeUndefined();
    expect(line.takeDue(10)).toBe('a');
    line.add(10, 'b');
    line.clear();
    expect([line.size, line.takeDue(99)]).toEqual([0, undefined]);
  });
});
