// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import {
  aCommand,
  numbered,
  ScriptedClaimStore,
} from '../../../test/support/scripted-claim-store.ts';
import { ClaimLane } from './claim-lane.ts';
import { InDoubt } from './in-doubt.ts';
import { PendingDecision } from './pending-decision.ts';

const ignore = () => undefined;
const cause = new Error('connection lost');

function setup() {
  const store = new ScriptedClaimStore();
  const clock = new FixedClock();
  const metrics: string[] = [];
  const lines: Record<string, unknown>[] = [];
  const inDoubt = new InDoubt({
    store,
    clock,
    metrics: {
      batchUnknown: () => metrics.push('unknown'),
      batchResolved: (resolution) => metrics.push(resolution),
    },
    log: { warn: (event) => lines.push(event) },
  });
  const lane = new ClaimLane('LAUNCH', { onReady: ignore, onIdle: ignore });
  const newBatchId = numbered('#');
  const add = (userId: string) => {
    const claim = new PendingDecision(aCommand(userId), 0, ignore);
    claim.answer.catch(ignore);
    lane.add(claim);
    return claim;
  };
  /** Sends a batch and loses its answer. */
  const lose = () => {
    const batch = lane.takeBatch(newBatchId, 100);
    if (batch === undefined) throw new Error('no claim waits');
    return inDoubt.resolve(lane, batch, cause);
  };
  return { store, clock, metrics, lines, inDoubt, lane, add, lose };
}

describe('resolving a batch in doubt', () => {
  it.each(['void', 'committed'] as const)(
    'makes its lane ready once it is %s, and is counted and logged',
    async (resolution) => {
      const { store, metrics, lines, lane, add, lose } = setup();
      add('ada');
      const resolved = lose();
      expect(lane.stateKind).toBe('in doubt');
      await store.resolve(0, resolution);
      expect(await resolved).toBe(true);
      expect(lane.stateKind).toBe('ready');
      expect(metrics).toEqual(['unknown', resolution]);
      expect(lines).toEqual([
        { batchId: '#1', claims: 1, err: cause },
        { batchId: '#1', resolution },
      ]);
    },
  );

  it('repeats a void mark that failed, and lets only claims that were not sent fail', async () => {
    const { store, clock, lane, add, lose } = setup();
    const sent = add('ada');
    const resolved = lose();
    const waiting = add('bob');
    await store.resolve(0, new Error('down'));
    expect([sent.answered, waiting.answered]).toEqual([false, true]);
    expect(store.calls).toEqual(['void #1']);
    await clock.advance(20);
    expect(store.calls).toEqual(['void #1', 'void #1']);
    await store.resolve(1, 'void');
    expect(await resolved).toBe(true);
    expect(lane.stateKind).toBe('ready');
  });

  it('waits before the first void mark when the batch before was in doubt too', async () => {
    const { store, clock, add, lose } = setup();
    add('ada');
    void lose();
    await store.resolve(0, 'void');
    void lose();
    await flushPromises();
    expect(store.calls).toEqual(['void #1']);
    await clock.advance(20);
    expect(store.calls).toEqual(['void #1', 'void #2']);
  });

  it('ends without a resolution when it is stopped, and the batch stays in doubt', async () => {
    const { store, clock, inDoubt, lane, add, lose } = setup();
    add('ada');
    const resolved = lose();
    await store.resolve(0, new Error('down'));
    inDoubt.stop();
    expect(await resolved).toBe(false);
    await clock.advance(10_000);
    expect(store.calls).toEqual(['void #1']);
    expect(lane.stateKind).toBe('in doubt');
  });
});
