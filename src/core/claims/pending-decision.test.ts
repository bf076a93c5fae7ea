// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { aChange, aCommand, claimed } from '../../../test/support/scripted-claim-store.ts';
import { AppError } from '../errors.ts';
import { PendingDecision } from './pending-decision.ts';

function setup() {
  let answers = 0;
  const claim = new PendingDecision(aCommand('ada'), 0, () => {
    answers += 1;
  });
  return { claim, answers: () => answers };
}

describe('a pending claim', () => {
  it('resolves with its outcome', async () => {
    const { claim, answers } = setup();
    const outcome = claimed(claim.command, 1);
    claim.decide(outcome);
    expect(await claim.answer).toBe(outcome);
    expect(answers()).toBe(1);
  });

  it('is unavailable, and certainly not stored, when the coupon has no position left', async () => {
    const { claim } = setup();
    claim.markSent();
    claim.markResolved({ kind: 'committed', changes: [] });
    claim.markSent();
    claim.decide({ outcome: 'no_position' });
    await expect(claim.answer).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('rejects with a fault by its code, with the cause for the log, when it cannot be stored', async () => {
    const { claim } = setup();
    const cause = new Error('refused');
    claim.fail('overloaded', 'too late', cause);
    const error = await claim.answer.catch((error: unknown) => error);
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ code: 'overloaded', detail: 'too late', cause });
    expect(error).toHaveProperty('claimId', undefined);
  });

  it.each([
    ['while a batch with it is under way', (claim: PendingDecision) => claim.markSent(), true],
    [
      'no more after a batch that stored nothing',
      (claim: PendingDecision) => {
        claim.markSent();
        claim.markNotStored();
      },
      false,
    ],
    [
      'no more after a batch that is void',
      (claim: PendingDecision) => {
        claim.markSent();
        claim.markResolved({ kind: 'void' });
      },
      false,
    ],
    [
      'for good after a batch that is committed, whatever happens to later ones',
      (claim: PendingDecision) => {
        claim.markSent();
        claim.markResolved({ kind: 'committed', changes: [] });
        claim.markSent();
        claim.markResolved({ kind: 'void' });
        claim.markSent();
        claim.markNotStored();
      },
      true,
    ],
  ])(
    'may be stored %s, and every fault becomes outcome_unknown then',
    async (_, mark, isUnknown) => {
      const { claim } = setup();
      mark(claim);
      expect(claim.maybeStored).toBe(isUnknown);
      claim.fail('overloaded', 'too late');
      await expect(claim.answer).rejects.toMatchObject(
        isUnknown
          ? { code: 'outcome_unknown', claimId: 'claim-of-ada' }
          : { code: 'overloaded', claimId: undefined },
      );
    },
  );

  it('may be stored after a void mark where it makes a release final, which can need no row in the ledger', async () => {
    const release = aChange('release', 'ada', { isFinal: true });
    const decision = new PendingDecision(release, 0, () => undefined);
    decision.markSent();
    decision.markResolved({ kind: 'void' });
    decision.markSent();
    decision.markNotStored();
    decision.fail('unavailable', 'the database cannot be reached');
    await expect(decision.answer).rejects.toMatchObject({ code: 'outcome_unknown' });
  });

  it('is answered once, and drops later answers', async () => {
    const { claim, answers } = setup();
    claim.fail('overloaded', 'too late');
    claim.decide(claimed(claim.command, 1));
    claim.fail('unavailable', 'even later');
    await expect(claim.answer).rejects.toMatchObject({ code: 'overloaded' });
    expect(answers()).toBe(1);

    const other = setup();
    other.claim.decide(claimed(other.claim.command, 1));
    other.claim.fail('overloaded', 'too late');
    expect(await other.claim.answer).toMatchObject({ outcome: 'claimed' });
    expect(other.answers()).toBe(1);
  });
});
