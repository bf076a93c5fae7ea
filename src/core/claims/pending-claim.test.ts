// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { anAttempt, claimed } from '../../../test/support/scripted-claim-store.ts';
import { AppError } from '../errors.ts';
import { PendingClaim } from './pending-claim.ts';

function setup() {
  let answers = 0;
  const claim = new PendingClaim(anAttempt('ada'), 0, () => {
    answers += 1;
  });
  return { claim, answers: () => answers };
}

describe('a claim that somebody waits for', () => {
  it('hears its outcome', async () => {
    const { claim, answers } = setup();
    const outcome = claimed(claim.attempt, 1);
    claim.decide(outcome);
    expect(await claim.answer).toBe(outcome);
    expect(answers()).toBe(1);
  });

  it('hears a fault by its code, with the cause for the log, when it cannot be stored', async () => {
    const { claim } = setup();
    const cause = new Error('refused');
    claim.fail('overloaded', 'too late', cause);
    const error = await claim.answer.catch((error: unknown) => error);
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ code: 'overloaded', detail: 'too late', cause });
    expect(error).toHaveProperty('claimId', undefined);
  });

  it('hears any fault as unknown, with its claim id, when it may be stored', async () => {
    const { claim } = setup();
    claim.maybeStored = true;
    claim.fail('overloaded', 'too late');
    await expect(claim.answer).rejects.toMatchObject({
      ...{ code: 'outcome_unknown', claimId: 'claim-of-ada' },
    });
  });

  it('is answered once: what comes later falls silent', async () => {
    const { claim, answers } = setup();
    claim.fail('overloaded', 'too late');
    claim.decide(claimed(claim.attempt, 1));
    claim.fail('unavailable', 'even later');
    await expect(claim.answer).rejects.toMatchObject({ code: 'overloaded' });
    expect(answers()).toBe(1);

    const other = setup();
    other.claim.decide(claimed(other.claim.attempt, 1));
    other.claim.fail('overloaded', 'too late');
    expect(await other.claim.answer).toMatchObject({ outcome: 'claimed' });
    expect(other.answers()).toBe(1);
  });
});
