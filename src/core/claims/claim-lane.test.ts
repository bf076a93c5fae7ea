// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { anAttempt, claimed, numbered } from '../../../test/support/scripted-claim-store.ts';
import type { AppError, FieldError } from '../errors.ts';
import { ClaimLane } from './claim-lane.ts';
import { PendingClaim } from './pending-claim.ts';
import type { RefusalReason } from './ports.ts';

function setup(users = '') {
  const lane = new ClaimLane('LAUNCH');
  const newBatchId = numbered('batch-');
  const told = new Map<string, string>();
  const add = (userIds: string, arrivedMs = 0) => {
    for (const userId of userIds) {
      const claim = new PendingClaim(anAttempt(userId), arrivedMs, () => undefined);
      claim.answer.then(
        (outcome) => told.set(userId, outcome.outcome),
        (error: AppError) => told.set(userId, error.code),
      );
      lane.add(claim);
    }
  };
  const take = (sizeMax = 100) => {
    const batch = lane.takeBatch(newBatchId, sizeMax);
    return batch && `${batch.batchId}: ${batch.attempts.map(({ userId }) => userId).join('')}`;
  };
  const decideAll = () => {
    const attempts = lane.sent?.attempts ?? [];
    const outcomes = attempts.map((attempt, index) => claimed(attempt, index + 1));
    lane.apply({ kind: 'decided', outcomes, commitSeconds: 0 });
  };
  const refuse = (reason: RefusalReason, fields?: FieldError[]) =>
    lane.apply({ kind: 'refused', reason, cause: undefined, ...(fields && { fields }) });
  /** Everything told so far, a line for each word, users in order of the telling. */
  const heard = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    const lines: Record<string, string> = {};
    for (const [userId, word] of told) lines[word] = (lines[word] ?? '') + userId;
    return lines;
  };
  add(users);
  return { lane, add, take, decideAll, refuse, heard };
}

describe('a batch', () => {
  it('takes claims in order of arrival, at most as many as allowed', () => {
    const { take, decideAll } = setup('abcde');
    expect(take(2)).toBe('batch-1: ab');
    decideAll();
    expect(take(2)).toBe('batch-2: cd');
    decideAll();
    expect(take(2)).toBe('batch-3: e');
    decideAll();
    expect(take(2)).toBeUndefined();
  });

  it('leaves out whom an answer has reached already, and is not sent for them alone', async () => {
    const { lane, add, take, heard } = setup('ab');
    lane.expire(1);
    add('c', 5);
    expect(take()).toBe('batch-1: c');
    expect(await heard()).toEqual({ overloaded: 'ab' });
  });

  it('is never taken while another one is under way', () => {
    const { add, take } = setup('a');
    take();
    add('b');
    expect(() => take()).toThrow('a lane has one batch under way');
  });

  it('answers each claim with its own outcome', async () => {
    const { lane, take, heard } = setup('abc');
    take();
    const outcomes = [
      { outcome: 'sold_out' },
      claimed(anAttempt('b'), 1),
      { outcome: 'closed' },
    ] as const;
    lane.apply({ kind: 'decided', outcomes: [...outcomes], commitSeconds: 0 });
    expect(await heard()).toEqual({ sold_out: 'a', claimed: 'b', closed: 'c' });
    expect(lane.sent).toBeUndefined();
  });

  it('whose answer has too few outcomes is a bug that is not passed over', () => {
    const { lane, take } = setup('ab');
    take();
    expect(() => lane.apply({ kind: 'decided', outcomes: [], commitSeconds: 0 })).toThrow(
      'one outcome for each claim of a batch',
    );
  });

  it.each([
    ['not_sent', 'unavailable'],
    ['busy', 'unavailable'],
    ['broken', 'internal'],
    ['refused', 'unavailable'],
    ['invalid', 'invalid_request'],
  ] as const)('refused as %s is told to each as %s', async (reason, code) => {
    const { take, refuse, heard } = setup('ab');
    while (take()) refuse(reason);
    expect(await heard()).toEqual({ [code]: 'ab' });
  });
});

describe('a claim that the database refuses', () => {
  it.each(['abcdX', 'Xbcde', 'abXde', 'X', 'abXcdXe', 'abcdefghijklmnopXrstuvwxyz'])(
    'is found by halving in %s: it alone is refused, and the others are decided in order',
    async (users) => {
      const { add, take, decideAll, refuse, heard } = setup(users);
      add('12');
      for (let batch = take(users.length); batch; batch = take(users.length)) {
        if (batch.includes('X')) refuse('refused');
        else decideAll();
      }
      const bad = users.replaceAll(/[^X]/g, '');
      expect(await heard()).toEqual({
        // Users of one name share a line here.
        ...(bad !== '' && { unavailable: 'X' }),
        claimed: `${users.replaceAll('X', '')}12`,
      });
    },
  );

  it('costs no more batches than twice the halvings that find it', () => {
    const users = 'abcdefghijklmnopqrstuvwxyz0123X4'.slice(0, 32);
    const { take, decideAll, refuse } = setup(users);
    let batches = 0;
    for (let batch = take(); batch; batch = take()) {
      batches += 1;
      if (batch.includes('X')) refuse('refused');
      else decideAll();
    }
    expect(batches).toBe(1 + 2 * Math.log2(32));
  });

  it('for a value that its caller can correct gets the field, and no other claim does', async () => {
    const { lane, take, decideAll, refuse } = setup('ab');
    const claim = new PendingClaim(anAttempt('X'), 0, () => undefined);
    const fault = claim.answer.catch((error: AppError) => error);
    lane.add(claim);
    const fields = [{ field: 'user_id', message: 'must be shorter' }];
    for (let batch = take(); batch; batch = take()) {
      if (batch.includes('X')) refuse('invalid', fields);
      else decideAll();
    }
    expect(await fault).toMatchObject({
      ...{ code: 'invalid_request', detail: 'user_id must be shorter', fields },
    });
  });

  /** Sends until nothing waits; refuses each batch that holds an X. Returns how many batches it took. */
  const sendAll = (
    { take, decideAll, refuse }: ReturnType<typeof setup>,
    reason: 'refused' | 'invalid' = 'refused',
  ) => {
    let batches = 0;
    for (let batch = take(10_000); batch; batch = take(10_000)) {
      batches += 1;
      if (batch.includes('X')) refuse(reason, [{ field: 'user_id', message: 'is wrong' }]);
      else decideAll();
    }
    return batches;
  };
  /** Claims of users of their own: `X` and a number, or a number alone. */
  const addMany = ({ lane }: ReturnType<typeof setup>, refused: readonly boolean[]) =>
    refused.map((isRefused, index) => {
      const claim = new PendingClaim(anAttempt(`${isRefused ? 'X' : ' '}${index}`), 0, () => 0);
      lane.add(claim);
      return claim.answer.then(
        ({ outcome }): string => outcome,
        ({ code, fields }: AppError) => [code, ...fields.map(({ field }) => field)].join(' '),
      );
    });

  it('leaves every other claim decided, however many are refused among them', async () => {
    const parts = setup();
    const isRefused = Array.from({ length: 1_000 }, (_, index) => index % 3 !== 0);
    const answers = addMany(parts, isRefused);
    sendAll(parts);
    expect(await Promise.all(answers)).toEqual(
      isRefused.map((refused) => (refused ? 'unavailable' : 'claimed')),
    );
  });

  it('like all of its batch costs few batches, and the next batch is halved again', async () => {
    const parts = setup();
    const answers = addMany(parts, Array(1_000).fill(true));
    expect(sendAll(parts)).toBeLessThan(60);
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['unavailable']));
    const later = addMany(parts, [false, true, false]);
    sendAll(parts);
    expect(await Promise.all(later)).toEqual(['claimed', 'unavailable', 'claimed']);
  });

  it('together with others is never blamed for a value that may be that of another claim', async () => {
    const parts = setup();
    const pending = addMany(parts, Array(100).fill(true));
    sendAll(parts, 'invalid');
    const answers = await Promise.all(pending);
    expect(answers.slice(0, 16)).toEqual(Array(16).fill('invalid_request user_id'));
    expect(new Set(answers)).toEqual(new Set(['invalid_request user_id', 'unavailable']));
  });
});

describe('a batch whose answer was lost', () => {
  it('is sent again before newer claims, as one batch under a new id', () => {
    const { lane, add, take, decideAll } = setup('ab');
    expect(take()).toBe('batch-1: ab');
    add('cd');
    lane.sendAgain('void');
    expect(take()).toBe('batch-2: ab');
    decideAll();
    expect(take()).toBe('batch-3: cd');
  });

  it('keeps its claim ids, by which a stored claim is recognised', () => {
    const { lane, take } = setup('ab');
    take();
    const before = lane.sent?.attempts;
    lane.sendAgain('committed');
    take();
    expect(lane.sent?.attempts).toEqual(before);
  });

  it('leaves a claim unknown while it is not settled', async () => {
    const { lane, take, heard } = setup('a');
    take();
    lane.expire(1);
    expect(await heard()).toEqual({ outcome_unknown: 'a' });
  });

  it('leaves a claim refused for certain once it is void', async () => {
    const { lane, take, heard } = setup('a');
    take();
    lane.sendAgain('void');
    lane.expire(1);
    expect(await heard()).toEqual({ overloaded: 'a' });
  });

  it('leaves a claim unknown for good once it is known to be committed', async () => {
    const { lane, take, heard } = setup('a');
    take();
    lane.sendAgain('committed');
    lane.expire(1);
    expect(await heard()).toEqual({ outcome_unknown: 'a' });
  });

  it.each(['not_sent', 'busy', 'broken', 'refused', 'invalid'] as const)(
    'and was committed is never denied when its claims are sent again and refused as %s',
    async (reason) => {
      const { lane, take, refuse, heard } = setup('a');
      take();
      lane.sendAgain('committed');
      take();
      refuse(reason);
      expect(await heard()).toEqual({ outcome_unknown: 'a' });
    },
  );

  it('and was committed is never denied when a later batch with its claims is void', async () => {
    const { lane, take, refuse, heard } = setup('ab');
    take();
    lane.sendAgain('committed');
    take();
    lane.sendAgain('void');
    lane.expire(1);
    take();
    expect(lane.sent).toBeUndefined();
    expect(() => refuse('busy')).toThrow('a batch is under way');
    expect(await heard()).toEqual({ outcome_unknown: 'ab' });
  });

  it('refuses at once whoever was not sent, and nobody who was', async () => {
    const { lane, add, take, heard } = setup('ab');
    take();
    add('cd');
    lane.refuseUnsent('the database cannot be reached', undefined);
    expect(await heard()).toEqual({ unavailable: 'cd' });
    expect(lane.waiting).toBe(0);
  });
});

describe('the age of a claim', () => {
  it('ends its wait from the limit on, not before', async () => {
    const { lane, add, heard } = setup();
    add('a', 10);
    add('b', 20);
    lane.expire(10);
    expect(await heard()).toEqual({});
    lane.expire(11);
    expect(await heard()).toEqual({ overloaded: 'a' });
    lane.expire(21);
    expect(await heard()).toEqual({ overloaded: 'ab' });
  });

  it('is told of the longest waiting one, under way or not, and of none that was answered', () => {
    const { lane, add, take, decideAll } = setup();
    expect(lane.oldestArrivedMs).toBeUndefined();
    add('a', 10);
    take();
    add('b', 20);
    expect(lane.oldestArrivedMs).toBe(10);
    lane.expire(15);
    expect(lane.oldestArrivedMs).toBe(20);
    decideAll();
    expect(lane.oldestArrivedMs).toBe(20);
  });
});

describe('abandoning a lane', () => {
  it('tells those under way that the outcome is unknown, and all others that they were refused', async () => {
    const { lane, add, take, heard } = setup('ab');
    take();
    add('cd');
    lane.abandon();
    expect(await heard()).toEqual({ outcome_unknown: 'ab', unavailable: 'cd' });
  });
});
