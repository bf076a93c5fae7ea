// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { aChange, aCommand, changed } from '../../../test/support/scripted-claim-store.ts';
import { answerCommitted } from './committed-changes.ts';
import { PendingDecision } from './pending-decision.ts';
import type { BatchCommand, CommittedChange, SentChange } from './ports.ts';

const made = (command: SentChange): CommittedChange => ({
  change: command.change,
  claim: changed(command).claim,
});

/** The decisions of a batch that was in doubt and had committed. */
function pendingOf(commands: BatchCommand[]): PendingDecision[] {
  return commands.map((command) => {
    const decision = new PendingDecision(command, 0, () => undefined);
    decision.markSent();
    decision.markResolved({ kind: 'committed', changes: [] });
    return decision;
  });
}

/** What the commands are answered from the record of their batch; undefined where they are to be decided again. */
async function answersOf(commands: BatchCommand[], changes: CommittedChange[]) {
  const decisions = pendingOf(commands);
  answerCommitted(decisions, changes);
  return Promise.all(
    decisions.map(async (decision) => (decision.answered ? decision.answer : undefined)),
  );
}

describe('answers from the record of a batch that was in doubt', () => {
  it.each(['confirm', 'release', 'redeem'] as const)(
    'are given to a %s that the batch has made, with the claim after it',
    async (change) => {
      const command = aChange(change, 'ada', { reason: 'paid late' });
      expect(await answersOf([command], [made(command)])).toEqual([changed(command)]);
    },
  );

  it('are given to no claim, no other change, no other user and no other claim of the user', async () => {
    const release = aChange('release', 'ada');
    const others = [
      aCommand('ada'),
      aChange('confirm', 'ada'),
      aChange('release', 'bob'),
      aChange('release', 'ada', { claimId: 'an older one' }),
    ];
    expect(await answersOf(others, [made(release)])).toEqual(others.map(() => undefined));
  });

  it('are given to a change without a claim id, by its user', async () => {
    const command = aChange('release', 'ada', { claimId: undefined });
    const record = [made(aChange('release', 'bob')), made(aChange('release', 'ada'))];
    expect(await answersOf([command], record)).toMatchObject([
      { outcome: 'changed', claim: { claimId: 'claim-of-ada' } },
    ]);
  });

  it('are given once: a second change of the same kind is decided again', async () => {
    const command = aChange('redeem', 'ada');
    const answers = await answersOf([command, aChange('redeem', 'ada')], [made(command)]);
    expect(answers).toEqual([changed(command), undefined]);
  });

  it('are given first to the change that names the claim', async () => {
    const unnamed = aChange('release', 'ada', { claimId: undefined });
    const named = aChange('release', 'ada');
    expect(await answersOf([unnamed, named], [made(named)])).toEqual([undefined, changed(named)]);
  });

  it('are given to none of two redeems with different keys, since the record does not say which was first', async () => {
    const unnamed = aChange('redeem', 'ada', { claimId: undefined, idempotencyKey: 'one' });
    const named = aChange('redeem', 'ada', { idempotencyKey: 'two' });
    expect(await answersOf([unnamed, named], [made(named)])).toEqual([undefined, undefined]);
  });

  it('are given to no redeem without a key beside one with a key: its outcome is unknown', async () => {
    const commands = [
      aChange('redeem', 'ada'),
      aChange('redeem', 'ada', { idempotencyKey: 'one' }),
    ];
    const [first, second] = pendingOf(commands);
    if (first === undefined || second === undefined) throw new Error('two redeems');
    answerCommitted([first, second], commands.map(made).slice(0, 1));
    await expect(first.answer).rejects.toMatchObject({ code: 'outcome_unknown' });
    expect(second.answered).toBe(false);
  });

  it('are given to each change of a user who has ended two claims in the batch', async () => {
    const [first, second] = ['one', 'two'].map((claimId) => aChange('release', 'ada', { claimId }));
    if (first === undefined || second === undefined) throw new Error('two changes');
    const answers = await answersOf([second, aCommand('ada'), first], [made(first), made(second)]);
    expect(answers).toEqual([changed(second), undefined, changed(first)]);
  });

  it.each(['confirm', 'release'] as const)(
    'of a %s by a saga are given to the saga, and not to a caller that sends the same',
    async (change) => {
      const byCaller = aChange(change, 'ada');
      const bySaga = aChange(change, 'ada', { sagaEpoch: '1' });
      const { claim } = made(bySaga);
      const ofSaga = { change, claim: { ...claim, sagaId: 'saga-of-ada' } };
      expect(await answersOf([byCaller, bySaga], [ofSaga])).toEqual([
        undefined,
        { outcome: 'changed', claim: ofSaga.claim },
      ]);
      expect(await answersOf([bySaga, byCaller], [made(byCaller)])).toEqual([
        undefined,
        changed(byCaller),
      ]);
    },
  );

  it('of a redemption are given to its caller also where the claim has a saga', async () => {
    const command = aChange('redeem', 'ada');
    const redeemed = { ...made(command), claim: { ...made(command).claim, sagaId: 'saga-of-ada' } };
    expect(await answersOf([command], [redeemed])).toMatchObject([{ outcome: 'changed' }]);
  });

  it('are not given to a release of a hold that has expired, which any decision may have written down', async () => {
    const command = aChange('release', 'ada', { claimId: undefined });
    const expired = made(aChange('release', 'ada', { reason: 'expired' }));
    expect(await answersOf([command], [expired])).toEqual([undefined]);
  });
});
