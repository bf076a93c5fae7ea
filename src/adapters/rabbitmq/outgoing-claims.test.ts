// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { aQueuedClaim } from '../../../test/support/fake-claim-queue.ts';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import type { PublishResult } from '../../core/tickets/ports.ts';
import { charactersPerMessageMax, claimsPerMessageMax } from './claim-message.ts';
import { partitionOf } from './names.ts';
import { OutgoingClaims, type OutgoingMessage, underWayMax } from './outgoing-claims.ts';

function setup() {
  const clock = new FixedClock();
  const sent: (OutgoingMessage & { resolve(result: PublishResult): void })[] = [];
  const outgoing = new OutgoingClaims({
    installationId: 'installation',
    soon: (run) => clock.atEndOfTurn(run),
    send: (message) => new Promise((resolve) => sent.push({ ...message, resolve })),
  });
  const claimIds = () =>
    sent.map(({ content }) =>
      JSON.parse(content.toString()).claims.map((claim: { claim_id: string }) => claim.claim_id),
    );
  return { clock, sent, outgoing, claimIds };
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `c${index}`);
const other = Array.from({ length: 100 }, (_, index) => `coupon ${index}`).find(
  (name) => partitionOf(name) !== partitionOf('LAUNCH'),
) as string;

describe('claims on their way into the queue', () => {
  it('leave at the end of their turn, those of a partition in one message, in their order', () => {
    const { claimIds, clock, outgoing, sent } = setup();
    const endTurn = clock.holdTurn();
    for (const claimId of numbered(5)) {
      const couponName = claimId === 'c2' ? other : 'LAUNCH';
      void outgoing.add(aQueuedClaim(claimId, { couponName }));
    }
    expect(sent).toEqual([]);
    endTurn();
    expect(claimIds()).toEqual([['c0', 'c1', 'c3', 'c4'], ['c2']]);
    expect(sent.map(({ claims, partition }) => [claims, partition])).toEqual([
      [4, partitionOf('LAUNCH')],
      [1, partitionOf(other)],
    ]);
  });

  it('all get the result of their message', async () => {
    const { clock, outgoing, sent } = setup();
    const endTurn = clock.holdTurn();
    const results: unknown[] = [];
    for (const claimId of numbered(2)) {
      void outgoing.add(aQueuedClaim(claimId)).then((result) => results.push(result));
    }
    endTurn();
    await flushPromises();
    expect(results).toEqual([]);
    sent[0]?.resolve('full');
    await flushPromises();
    expect(results).toEqual(['full', 'full']);
  });

  it('fill a message after the other where there are many', () => {
    const { claimIds, clock, outgoing, sent } = setup();
    const endTurn = clock.holdTurn();
    const ids = numbered(2 * claimsPerMessageMax + 1);
    for (const claimId of ids) void outgoing.add(aQueuedClaim(claimId));
    // Full messages do not wait.
    expect(sent).toHaveLength(2);
    endTurn();
    expect(claimIds().map((some: string[]) => some.length)).toEqual([
      ...[claimsPerMessageMax, claimsPerMessageMax, 1],
    ]);
    expect(claimIds().flat()).toEqual(ids);
  });

  it('wait while several messages of their partition are on their way, and leave with the next result', async () => {
    const { claimIds, outgoing, sent } = setup();
    for (const claimId of numbered(underWayMax + 3)) void outgoing.add(aQueuedClaim(claimId));
    const before = numbered(underWayMax).map((claimId) => [claimId]);
    expect(claimIds()).toEqual(before);
    void outgoing.add(aQueuedClaim('d0', { couponName: other }));
    expect(claimIds().at(-1)).toEqual(['d0']);
    sent[1]?.resolve('unknown');
    await flushPromises();
    expect(claimIds().at(-1)).toEqual(numbered(underWayMax + 3).slice(underWayMax));
  });

  it('do not wait once their message is full, or where the process stops', () => {
    const { claimIds, outgoing } = setup();
    for (const claimId of numbered(underWayMax)) void outgoing.add(aQueuedClaim(claimId));
    const more = numbered(claimsPerMessageMax + 1);
    for (const claimId of more) void outgoing.add(aQueuedClaim(claimId));
    expect(claimIds().slice(underWayMax)).toEqual([more.slice(0, -1)]);
    outgoing.flush();
    expect(claimIds().slice(underWayMax)).toEqual([more.slice(0, -1), more.slice(-1)]);
  });

  it('fill a message by their length', () => {
    const { claimIds, clock, outgoing } = setup();
    const endTurn = clock.holdTurn();
    const userId = 'x'.repeat(Math.floor(charactersPerMessageMax / 3));
    for (const claimId of numbered(4)) void outgoing.add(aQueuedClaim(claimId, { userId }));
    endTurn();
    expect(claimIds()).toEqual([
      ['c0', 'c1'],
      ['c2', 'c3'],
    ]);
  });

  it('have a message with one address, that of those whose callers wait', () => {
    const { claimIds, clock, outgoing, sent } = setup();
    const endTurn = clock.holdTurn();
    for (const [index, replyTo] of [undefined, 'a', undefined, 'a', 'b'].entries()) {
      void outgoing.add(aQueuedClaim(`c${index}`, { replyTo }));
    }
    endTurn();
    expect(claimIds()).toEqual([['c0', 'c1', 'c2', 'c3'], ['c4']]);
    expect(sent.map(({ replyTo }) => replyTo)).toEqual(['a', 'b']);
  });
});
