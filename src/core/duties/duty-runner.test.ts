// SPDX-License-Identifier: GPL-3.0-or-later
import { beforeEach, describe, expect, it } from 'vitest';
import { FixedClock } from '../../../test/support/fixed-clock.ts';
import { DutyRunner } from './duty-runner.ts';
import {
  DatabaseAwayError,
  type Duty,
  type DutyLeases,
  type DutyName,
  type Lease,
} from './ports.ts';

let clock: FixedClock;
let held: { node: string; epoch: number; untilMs: number } | undefined;
let epoch: number;
let isAway: boolean;
let away: Error;
let hangs: 'list' | 'all' | undefined;
let isNeeded: boolean;
let lines: string[];

beforeEach(() => {
  clock = new FixedClock();
  held = undefined;
  epoch = 0;
  isAway = false;
  away = new Error('away');
  hangs = undefined;
  isNeeded = true;
  lines = [];
});

/** Leases of one duty, in memory. */
function leasesOf(node: string): DutyLeases {
  const current = () => (held !== undefined && held.untilMs > clock.nowMs() ? held : undefined);
  const isOf = (lease: Lease) => current()?.epoch === Number(lease.epoch);
  const reach = async () => {
    if (isAway) throw away;
    if (hangs === 'all') await new Promise(() => undefined);
  };
  return {
    async list() {
      await reach();
      if (hangs === 'list') await new Promise(() => undefined);
      const holder = current()?.node ?? null;
      return [{ name: 'expiry_sweep', node: holder, since: holder && 'a time', isNeeded }];
    },
    async acquire(duty) {
      await reach();
      if (current() !== undefined) return undefined;
      epoch += 1;
      held = { node, epoch, untilMs: clock.nowMs() + 5_000 };
      return { duty, epoch: String(epoch) };
    },
    async renew(lease) {
      await reach();
      if (!isOf(lease) || held === undefined) return false;
      held.untilMs = clock.nowMs() + 5_000;
      return true;
    },
    async release(lease) {
      await reach();
      if (isOf(lease)) held = undefined;
    },
  };
}

/** A process that volunteers for the duty, and what it did. */
function newNode(node: string, canRun: () => boolean = () => true) {
  const events: string[] = [];
  const duty: Duty = {
    name: 'expiry_sweep' as DutyName,
    canRun,
    begin(lease) {
      events.push(`began ${lease.epoch}`);
      return async () => void events.push(`ended ${lease.epoch}`);
    },
  };
  const runner = new DutyRunner({
    ...{ leases: leasesOf(node), duties: [duty], clock },
    log: {
      info: (_, message) => lines.push(message),
      warn: (_, message) => lines.push(message),
    },
  });
  return { runner, events };
}

describe('a duty', () => {
  it('runs on one node at a time, for as long as that node renews its lease', async () => {
    const [first, second] = [newNode('a'), newNode('b')];
    first.runner.start();
    await clock.advance(100);
    second.runner.start();
    await clock.advance(60_000);
    expect([first.events, second.events]).toEqual([['began 1'], []]);
    expect(first.runner.running()).toEqual([{ duty: 'expiry_sweep', isRunning: true }]);
    expect(second.runner.running()).toEqual([{ duty: 'expiry_sweep', isRunning: false }]);
    expect(second.runner.holders()).toEqual([
      { name: 'expiry_sweep', node: 'a', since: 'a time', isNeeded: true },
    ]);
  });

  it('ends before its lease is given back, and another node runs it within a second', async () => {
    const [first, second] = [newNode('a'), newNode('b')];
    first.runner.start();
    await clock.advance(100);
    second.runner.start();
    await clock.advance(100);
    await first.runner.stop();
    expect(first.events).toEqual(['began 1', 'ended 1']);
    expect(held).toBeUndefined();
    await clock.advance(1_000);
    expect(second.events).toEqual(['began 2']);
    await clock.advance(10_000);
    expect(first.events).toEqual(['began 1', 'ended 1']);
  });

  it('ends on a node that finds that it cannot do the work, and another node runs it from then on', async () => {
    let canRun = true;
    const [first, second] = [newNode('a', () => canRun), newNode('b')];
    first.runner.start();
    await clock.advance(100);
    second.runner.start();
    await clock.advance(100);
    canRun = false;
    await clock.advance(2_100);
    expect([first.events, second.events]).toEqual([['began 1', 'ended 1'], ['began 2']]);
    await second.runner.stop();
    await clock.advance(60_000);
    expect(held).toBeUndefined();
    expect(first.events).toEqual(['began 1', 'ended 1']);
    expect(lines.filter((line) => line.includes('cannot run the duty'))).toHaveLength(1);
  });

  it('ends on a node that finds its lease in other hands', async () => {
    const node = newNode('a');
    node.runner.start();
    await clock.advance(100);
    held = { node: 'b', epoch: 7, untilMs: clock.nowMs() + 60_000 };
    await clock.advance(1_000);
    expect(node.events).toEqual(['began 1', 'ended 1']);
    expect(lines.at(-1)).toMatch(/lost the lease/);
  });

  it('goes on while the database is away for less than the lease, and ends then', async () => {
    const node = newNode('a');
    node.runner.start();
    await clock.advance(100);
    isAway = true;
    await clock.advance(3_500);
    expect(node.events).toEqual(['began 1']);
    await clock.advance(2_000);
    expect(node.events).toEqual(['began 1', 'ended 1']);
    isAway = false;
    await clock.advance(1_000);
    expect(node.events).toEqual(['began 1', 'ended 1', 'began 2']);
    // Once a minute.
    expect(lines.filter((line) => line.includes('cannot be read'))).toHaveLength(1);
  });

  it('is renewed while the list of holders hangs', async () => {
    const node = newNode('a');
    node.runner.start();
    await clock.advance(100);
    hangs = 'list';
    await clock.advance(30_000);
    expect(node.events).toEqual(['began 1']);
  });

  it('logs nothing about a database that is away, which the log of outages has', async () => {
    const node = newNode('a');
    isAway = true;
    away = new DatabaseAwayError();
    node.runner.start();
    await clock.advance(10_000);
    expect(lines).toEqual([]);
  });

  it('is given back when the lease arrives after the stop', async () => {
    const node = newNode('a');
    node.runner.start();
    await node.runner.stop();
    await clock.advance(1_000);
    expect(held).toBeUndefined();
    expect(node.events).toEqual([]);
  });

  it('is needed as the last list says, also while the database cannot be read', async () => {
    const node = newNode('a');
    expect(node.runner.isNeeded('expiry_sweep')).toBe(false);
    isNeeded = false;
    node.runner.start();
    await clock.advance(1_100);
    expect(node.runner.isNeeded('expiry_sweep')).toBe(false);
    isNeeded = true;
    await clock.advance(1_100);
    expect(node.runner.isNeeded('expiry_sweep')).toBe(true);
    isAway = true;
    await clock.advance(60_000);
    expect(node.runner.isNeeded('expiry_sweep')).toBe(true);
  });

  it('has unknown holders while the database cannot be read', async () => {
    const node = newNode('a');
    expect(node.runner.holders()).toBeUndefined();
    node.runner.start();
    await clock.advance(1_100);
    expect(node.runner.holders()).toHaveLength(1);
    isAway = true;
    await clock.advance(6_000);
    expect(node.runner.holders()).toBeUndefined();
  });
});

it('a stop does not wait longer than a second for the database', async () => {
  const node = newNode('a');
  node.runner.start();
  await clock.advance(100);
  hangs = 'all';
  let isOver = false;
  const stopped = node.runner.stop().then(() => {
    isOver = true;
  });
  await clock.advance(900);
  expect(isOver).toBe(false);
  await clock.advance(100);
  expect(isOver).toBe(true);
  await stopped;
});
