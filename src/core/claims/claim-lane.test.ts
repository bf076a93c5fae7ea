// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { flushPromises } from '../../../test/support/fixed-clock.ts';
import { aCommand, claimed, numbered } from '../../../test/support/scripted-claim-store.ts';
import type { AppError, FieldError } from '../errors.ts';
import { ClaimLane } from './claim-lane.ts';
import { PendingDecision } from './pending-decision.ts';
import type { BatchResolution, RefusalReason } from './ports.ts';

function setup(users = '') {
  const events: string[] = [];
  const lane = new ClaimLane('LAUNCH', {
    onReady: () => events.push('ready'),
    onIdle: () => events.push('idle'),
  });
  const newBatchId = numbered('batch-');
  const answered = new Map<string, string>();
  const add = (userIds: string, arrivedMs = 0) => {
    for (const userId of userIds) {
      const claim = new PendingDecision(aCommand(userId), arrivedMs, () => undefined);
      claim.answer.then(
        (outcome) => answered.set(userId, outcome.outcome),
        (error: AppError) => answered.set(userId, error.code),
      );
      lane.add(claim);
    }
  };
  /** Sends the next batch, and returns its id and users; undefined when the lane has none. */
  const take = (sizeMax = 100) => {
    if (lane.stateKind === 'idle') return undefined;
    const batch = lane.takeBatch(newBatchId, sizeMax);
    return batch && `${batch.batchId}: ${batch.commands.map(({ userId }) => userId).join('')}`;
  };
  const decideAll = () => {
    const commands = lane.batch?.commands ?? [];
    lane.decide(commands.map((command, index) => claimed(command, index + 1)));
  };
  const refuse = (reason: RefusalReason, fields?: FieldError[]) =>
    lane.refuse({ kind: 'refused', reason, cause: undefined, ...(fields && { fields }) });
  const loseAndResolve = (resolution: BatchResolution) => {
    lane.answerLost();
    lane.batchResolved(resolution);
  };
  /** The users by their answers so far, in order of the answers. */
  const answers = async () => {
    await flushPromises();
    const usersByAnswer: Record<string, string> = {};
    for (const [userId, answer] of answered) {
      usersByAnswer[answer] = (usersByAnswer[answer] ?? '') + userId;
    }
    return usersByAnswer;
  };
  add(users);
  return { lane, events, add, take, decideAll, refuse, loseAndResolve, answers };
}

describe('the state of a lane', () => {
  it('goes from idle over ready and sending back to idle for a single claim', () => {
    const { lane, events, add, take, decideAll } = setup();
    const states = [lane.stateKind];
    for (const step of [() => add('a'), take, decideAll]) {
      step();
      states.push(lane.stateKind);
    }
    expect(states).toEqual(['idle', 'ready', 'sending', 'idle']);
    expect(events).toEqual(['ready', 'idle']);
  });

  it('becomes ready once, however many claims arrive before the next batch is sent', () => {
    const { events, add, take, decideAll } = setup('abc');
    expect(events).toEqual(['ready']);
    take();
    add('de');
    expect(events).toEqual(['ready']);
    decideAll();
    expect(events).toEqual(['ready', 'ready']);
  });

  it('stays in doubt until the batch is resolved, and is ready then', () => {
    const { lane, events, add, take } = setup('a');
    take();
    lane.answerLost();
    add('b');
    expect(lane.stateKind).toBe('in doubt');
    expect(events).toEqual(['ready']);
    lane.batchResolved({ kind: 'void' });
    expect(lane.stateKind).toBe('ready');
    expect(events).toEqual(['ready', 'ready']);
  });

  it('becomes idle when every claim of the next batch has expired', () => {
    const { lane, events, take } = setup('a');
    lane.expire(1);
    expect(lane.stateKind).toBe('ready');
    expect(take()).toBeUndefined();
    expect(lane.stateKind).toBe('idle');
    expect(events).toEqual(['ready', 'idle']);
  });

  it('allows no answer to a batch that is not under way', () => {
    const { lane, take, decideAll, refuse } = setup('a');
    const isSending = 'a batch of the lane is sending';
    for (const step of [decideAll, () => refuse('busy'), () => lane.retryUndecided()]) {
      expect(step).toThrow(isSending);
    }
    take();
    lane.answerLost();
    expect(decideAll).toThrow(isSending);
    expect(() => lane.answerLost()).toThrow(isSending);
  });

  it('allows no resolution of a batch that is not in doubt', () => {
    const { lane, take } = setup('a');
    expect(() => lane.batchResolved({ kind: 'void' })).toThrow('a batch of the lane is in doubt');
    take();
    expect(() => lane.batchResolved({ kind: 'void' })).toThrow('a batch of the lane is in doubt');
  });

  it('allows no new batch while one is under way or in doubt, or when no claim waits', () => {
    const { lane, add, take } = setup('a');
    take();
    add('b');
    const onlyReady = 'only a ready lane sends a batch';
    expect(take).toThrow(onlyReady);
    lane.answerLost();
    expect(take).toThrow(onlyReady);
    expect(() => setup().lane.takeBatch(numbered(''), 1)).toThrow(onlyReady);
  });
});

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

  it('leaves out claims that are answered already, and is not sent for them alone', async () => {
    const { lane, add, take, answers } = setup('ab');
    lane.expire(1);
    add('c', 5);
    expect(take()).toBe('batch-1: c');
    expect(await answers()).toEqual({ overloaded: 'ab' });
  });

  it('answers each claim with its own outcome', async () => {
    const { lane, take, answers } = setup('abc');
    take();
    lane.decide([{ outcome: 'sold_out' }, claimed(aCommand('b'), 1), { outcome: 'closed' }]);
    expect(await answers()).toEqual({ sold_out: 'a', claimed: 'b', closed: 'c' });
    expect(lane.batch).toBeUndefined();
  });

  it('fails an invariant when its answer has too few outcomes', () => {
    const { lane, take } = setup('ab');
    take();
    expect(() => lane.decide([])).toThrow('one outcome for each command of a batch');
  });

  it.each([
    ['not_sent', 'unavailable'],
    ['busy', 'unavailable'],
    ['not_durable', 'unavailable'],
    ['broken', 'internal'],
    ['refused', 'unavailable'],
    ['invalid', 'invalid_request'],
  ] as const)('turns a refusal as %s into %s for each claim', async (reason, code) => {
    const { take, refuse, answers } = setup('ab');
    while (take()) refuse(reason);
    expect(await answers()).toEqual({ [code]: 'ab' });
  });
});

describe('halving a refused batch', () => {
  it.each(['abcdX', 'Xbcde', 'abXde', 'X', 'abXcdXe', 'abcdefghijklmnopXrstuvwxyz'])(
    'finds the refused claims in %s: only they are refused, and the others are decided in order',
    async (users) => {
      const { add, take, decideAll, refuse, answers } = setup(users);
      add('12');
      for (let batch = take(users.length); batch; batch = take(users.length)) {
        if (batch.includes('X')) refuse('refused');
        else decideAll();
      }
      const bad = users.replaceAll(/[^X]/g, '');
      expect(await answers()).toEqual({
        // Two users named X have one entry.
        ...(bad !== '' && { unavailable: 'X' }),
        claimed: `${users.replaceAll('X', '')}12`,
      });
    },
  );

  it('finds one refused claim among 32 with two batches for each halving', () => {
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

  it('reports the invalid field to the one claim that has it', async () => {
    const { lane, take, decideAll, refuse } = setup('ab');
    const claim = new PendingDecision(aCommand('X'), 0, () => undefined);
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

  /** Sends until no claim waits, and refuses each batch with an X. Returns the number of batches. */
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
  /** Adds claims of different users: `X` and a number where it is to be refused, else a number. */
  const addMany = ({ lane }: ReturnType<typeof setup>, refused: readonly boolean[]) =>
    refused.map((isRefused, index) => {
      const claim = new PendingDecision(aCommand(`${isRefused ? 'X' : ' '}${index}`), 0, () => 0);
      lane.add(claim);
      return claim.answer.then(
        ({ outcome }): string => outcome,
        ({ code, fields }: AppError) => [code, ...fields.map(({ field }) => field)].join(' '),
      );
    });

  it('decides every other claim, however many are refused among them', async () => {
    const parts = setup();
    const isRefused = Array.from({ length: 1_000 }, (_, index) => index % 3 !== 0);
    const answers = addMany(parts, isRefused);
    sendAll(parts);
    expect(await Promise.all(answers)).toEqual(
      isRefused.map((refused) => (refused ? 'unavailable' : 'claimed')),
    );
  });

  it('takes few batches when every claim is refused, and halves the next batch again', async () => {
    const parts = setup();
    const answers = addMany(parts, Array(1_000).fill(true));
    expect(sendAll(parts)).toBeLessThan(60);
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['unavailable']));
    const later = addMany(parts, [false, true, false]);
    sendAll(parts);
    expect(await Promise.all(later)).toEqual(['claimed', 'unavailable', 'claimed']);
  });

  it('blames no claim for a field that may be that of another claim', async () => {
    const parts = setup();
    const pending = addMany(parts, Array(100).fill(true));
    sendAll(parts, 'invalid');
    const answers = await Promise.all(pending);
    expect(answers.slice(0, 16)).toEqual(Array(16).fill('invalid_request user_id'));
    expect(new Set(answers)).toEqual(new Set(['invalid_request user_id', 'unavailable']));
  });
});

describe('a batch in doubt', () => {
  it('counts as lost in a row until a batch is decided', () => {
    const { lane, take, decideAll, loseAndResolve } = setup('a');
    const counts = [lane.lostInARow];
    for (let loss = 0; loss < 2; loss += 1) {
      take();
      loseAndResolve({ kind: 'void' });
      counts.push(lane.lostInARow);
    }
    take();
    decideAll();
    counts.push(lane.lostInARow);
    expect(counts).toEqual([0, 1, 2, 0]);
  });

  it('is sent again before newer claims, as one batch with a new id', () => {
    const { add, take, decideAll, loseAndResolve } = setup('ab');
    expect(take()).toBe('batch-1: ab');
    add('cd');
    loseAndResolve({ kind: 'void' });
    expect(take()).toBe('batch-2: ab');
    decideAll();
    expect(take()).toBe('batch-3: cd');
  });

  it('keeps its claim ids, which identify the stored claims', () => {
    const { lane, take, loseAndResolve } = setup('ab');
    take();
    const before = lane.batch?.commands;
    loseAndResolve({ kind: 'committed', changes: [] });
    take();
    expect(lane.batch?.commands).toEqual(before);
  });

  it('leaves a claim that expires unknown while it is not resolved', async () => {
    const { lane, take, answers } = setup('a');
    take();
    lane.expire(1);
    expect(await answers()).toEqual({ outcome_unknown: 'a' });
  });

  it('lets a claim that expires be refused once it is void', async () => {
    const { lane, take, loseAndResolve, answers } = setup('a');
    take();
    loseAndResolve({ kind: 'void' });
    lane.expire(1);
    expect(await answers()).toEqual({ overloaded: 'a' });
  });

  it('leaves a claim that expires unknown once it is known to be committed', async () => {
    const { lane, take, loseAndResolve, answers } = setup('a');
    take();
    loseAndResolve({ kind: 'committed', changes: [] });
    lane.expire(1);
    expect(await answers()).toEqual({ outcome_unknown: 'a' });
  });

  it.each(['not_sent', 'busy', 'not_durable', 'broken', 'refused', 'invalid'] as const)(
    'never denies a committed claim that is sent again and refused as %s',
    async (reason) => {
      const { take, refuse, loseAndResolve, answers } = setup('a');
      take();
      loseAndResolve({ kind: 'committed', changes: [] });
      take();
      refuse(reason);
      expect(await answers()).toEqual({ outcome_unknown: 'a' });
    },
  );

  it('never denies a committed claim when a later batch with it is void', async () => {
    const { lane, take, refuse, loseAndResolve, answers } = setup('ab');
    take();
    loseAndResolve({ kind: 'committed', changes: [] });
    take();
    loseAndResolve({ kind: 'void' });
    lane.expire(1);
    take();
    expect(lane.batch).toBeUndefined();
    expect(() => refuse('busy')).toThrow('a batch of the lane is sending');
    expect(await answers()).toEqual({ outcome_unknown: 'ab' });
  });

  it('lets the claims that were not sent be refused at once, and no other', async () => {
    const { lane, add, take, answers } = setup('ab');
    take();
    lane.answerLost();
    add('cd');
    lane.failUnsent('the database cannot be reached', undefined);
    expect(await answers()).toEqual({ unavailable: 'cd' });
    expect(lane.waiting).toBe(0);
  });
});

describe('the age of a claim', () => {
  it('ends its wait above the limit, and not at it', async () => {
    const { lane, add, answers } = setup();
    add('a', 10);
    add('b', 20);
    lane.expire(10);
    expect(await answers()).toEqual({});
    lane.expire(11);
    expect(await answers()).toEqual({ overloaded: 'a' });
    lane.expire(21);
    expect(await answers()).toEqual({ overloaded: 'ab' });
  });

  it('is reported of the oldest claim that is not answered, under way or not', () => {
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
  it('answers claims under way as unknown, and refuses all others', async () => {
    const { lane, add, take, answers } = setup('ab');
    take();
    add('cd');
    lane.abandon();
    expect(await answers()).toEqual({ outcome_unknown: 'ab', unavailable: 'cd' });
  });
});
