// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import { aChange, changed } from '../../../test/support/scripted-claim-store.ts';
import { scriptedLanes } from '../../../test/support/scripted-lanes.ts';
import { AppError } from '../errors.ts';
import { AnnouncementWaits } from '../stock/announcement-waits.ts';
import { announcementWaitMs, snapshotTtlMs } from '../stock/snapshot-ttl.ts';
import { changeClaimWith, withChangeMetrics } from './change-claim.ts';
import type { ChangeDecision, SentChange } from './ports.ts';

/** Changes claims in a database that returns these decisions, one for each attempt, and then makes the change. */
function changingWith(decisions: readonly ChangeDecision[]) {
  const clock = new FixedClock();
  const stopping = new AbortController();
  const sent: { announcement: string | undefined; atMs: number }[] = [];
  const parts = { clock, stopping: stopping.signal };
  const changeClaim = changeClaimWith({
    ...parts,
    async send(command: SentChange) {
      sent.push({ announcement: command.announcement, atMs: clock.nowMs() });
      return decisions[sent.length - 1] ?? changed(command);
    },
    waits: new AnnouncementWaits({ ...parts, waitingMax: 10 }),
  });
  return { clock, stopping, sent, changeClaim };
}

const announced = (announcement: string) => ({ outcome: 'announced' as const, announcement });
const release = aChange('release', 'ada');

describe('changeClaim', () => {
  it('returns the decision of the database at once', async () => {
    const { clock, sent, changeClaim } = changingWith([]);
    expect(await changeClaim(release)).toEqual(changed(release));
    expect(sent).toEqual([{ announcement: undefined, atMs: 0 }]);
    expect(clock.pending).toBe(0);
  });

  it('sends an announced release again with its announcement, after every older snapshot has expired', async () => {
    const { clock, sent, changeClaim } = changingWith([announced('7')]);
    const answer = changeClaim(release);
    await clock.advance(snapshotTtlMs);
    expect(sent).toHaveLength(1);
    await clock.advance(100);
    expect(await answer).toEqual(changed(release));
    expect(sent[1]).toEqual({ announcement: '7', atMs: announcementWaitMs });
  });

  it('waits again when the unit of another release was claimed meanwhile', async () => {
    const { clock, sent, changeClaim } = changingWith([announced('7'), announced('9')]);
    const answer = changeClaim(release);
    await clock.advance(2_000);
    expect(await answer).toEqual(changed(release));
    expect(sent.map(({ announcement }) => announcement)).toEqual([undefined, '7', '9']);
  });

  it('gives up with nothing changed when the service stops', async () => {
    const { stopping, sent, changeClaim } = changingWith([announced('7')]);
    const answer = changeClaim(release);
    await flushPromises();
    stopping.abort();
    await expect(answer).rejects.toMatchObject({ code: 'unavailable' });
    expect(sent).toHaveLength(1);
  });

  it('names the command that finishes the migration, while an older release may still decide claims', async () => {
    const { changeClaim } = changingWith([{ outcome: 'not_finished' }]);
    await expect(changeClaim(release)).rejects.toMatchObject({
      code: 'unavailable',
      detail: 'run `firstcome migrate --finish` once all services are of this release',
    });
  });

  it('sends announced releases of one coupon again in one batch', async () => {
    const { store, clock, lanes } = scriptedLanes();
    const parts = { clock, stopping: new AbortController().signal };
    const changeClaim = changeClaimWith({
      ...parts,
      send: (command) => lanes.change(command),
      waits: new AnnouncementWaits({ ...parts, waitingMax: 10 }),
    });
    const announce = (index: number) =>
      store.answer(index, {
        ...{ kind: 'decided', commitSeconds: 0 },
        outcomes: (store.sent[index]?.commands ?? []).map(() => announced('7')),
      });
    for (const [index, user] of ['a', 'b', 'c'].entries()) {
      void changeClaim(aChange('release', user));
      await announce(index);
      await clock.advance(100);
    }
    const endTurn = clock.holdTurn();
    await clock.advance(announcementWaitMs);
    endTurn();
    expect(store.calls.at(-1)).toBe('batch #4: release-a release-b release-c');
  });
});

describe('the count of changes', () => {
  it('has each answer by its change, and its outcome or the code of its fault', async () => {
    const counted: string[] = [];
    const metrics = {
      changeAnswered: (...answer: [string, string]) => counted.push(answer.join(' ')),
    };
    const answering = (answer: () => Promise<ReturnType<typeof changed>>) =>
      withChangeMetrics(answer, metrics);
    await answering(async () => changed(release))(release);
    const fault = new AppError('outcome_unknown', { detail: 'lost' });
    for (const error of [fault, new Error('a defect')]) {
      const failed = answering(() => Promise.reject(error))(aChange('redeem', 'ada'));
      await expect(failed).rejects.toBe(error);
    }
    expect(counted).toEqual(['release changed', 'redeem outcome_unknown', 'redeem internal']);
  });
});
