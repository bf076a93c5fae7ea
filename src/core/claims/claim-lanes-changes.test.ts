// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aChange, changed } from '../../../test/support/scripted-claim-store.ts';
import { scriptedLanes as setup } from '../../../test/support/scripted-lanes.ts';
import { isChange } from './ports.ts';

const changes = ['confirm', 'release', 'redeem'] as const;

describe('changes of claims', () => {
  it('wait in the lane of their coupon, in order of arrival with its claims', async () => {
    const { claim, change, store, answers } = setup();
    claim('a');
    change('confirm', 'a');
    claim('b');
    change('release', 'c');
    claim('d');
    await store.decide(0);
    expect(store.calls).toEqual(['batch #1: a', 'batch #2: confirm-a b release-c d']);
    await store.decide(1);
    expect(await answers()).toEqual({
      ...{ a: 'claimed', 'confirm-a': 'changed', b: 'claimed' },
      ...{ 'release-c': 'changed', d: 'claimed' },
    });
  });

  it('of sagas go in batches of their own, in turns with all others', async () => {
    const { claim, change, store, answers } = setup({ batchMax: 3 });
    const sagaEpoch = '1';
    claim('a');
    change('confirm', 'b', { sagaEpoch });
    claim('c');
    change('release', 'd', { sagaEpoch });
    change('confirm', 'e');
    claim('fgh');
    for (let batch = 0; batch < 4; batch += 1) await store.decide(batch);
    expect(store.calls).toEqual([
      ...[
        'batch #1: a',
        'batch #2: confirm-b release-d',
        'batch #3: c confirm-e f',
        'batch #4: g h',
      ],
    ]);
    expect(await answers()).toMatchObject({ 'confirm-b': 'changed', 'release-d': 'changed' });
  });

  it('of sagas wait for one batch of others at most', async () => {
    const { claim, change, store } = setup({ batchMax: 1 });
    claim('ab');
    change('confirm', 'x', { sagaEpoch: '1' });
    change('confirm', 'y', { sagaEpoch: '1' });
    claim('c');
    for (let batch = 0; batch < 5; batch += 1) await store.decide(batch);
    expect(store.calls.map((call) => call.split(': ')[1])).toEqual([
      ...['a', 'confirm-x', 'b', 'confirm-y', 'c'],
    ]);
  });

  it('of sagas are refused after the time limit too, and their age counts', async () => {
    const { claim, change, clock, lanes, answers } = setup({ timeoutMs: 1_000 });
    claim('a');
    change('confirm', 'x', { sagaEpoch: '1' });
    await clock.advance(500);
    claim('b');
    await clock.advance(600);
    expect(await answers()).toMatchObject({ 'confirm-x': 'overloaded' });
    expect(lanes.depth()).toMatchObject({ waiting: 1, oldestMs: 600 });
  });

  it('are sent with all their members', async () => {
    const { change, store } = setup();
    const members = { reason: 'paid late', isFinal: true, announcement: '7' };
    change('release', 'ada', members);
    expect(store.sent[0]?.commands).toEqual([aChange('release', 'ada', members)]);
  });

  it('never share a commit with claims of other coupons', async () => {
    const { claim, change, clock, store } = setup();
    const endTurn = clock.holdTurn();
    claim('a', 'one');
    change('confirm', 'b', { couponName: 'two' });
    claim('c', 'three');
    endTurn();
    expect(store.calls).toEqual(['multi-coupon #1 #2: a c', 'batch #3: confirm-b']);
  });

  it('go in batches of at most batchMax, with the claims', async () => {
    const { claim, change, store } = setup({ batchMax: 2 });
    change('confirm', 'a');
    claim('b');
    change('redeem', 'c');
    claim('d');
    await store.decide(0);
    await store.decide(1);
    expect(store.calls).toEqual([
      ...['batch #1: confirm-a', 'batch #2: b redeem-c', 'batch #3: d'],
    ]);
  });

  it('are shed like claims when their lane is full', async () => {
    const { claim, change, answers } = setup({ laneWaitingMax: 2 });
    claim('abc');
    change('confirm', 'd');
    expect(await answers()).toEqual({ 'confirm-d': 'overloaded' });
  });

  it('count toward the limit of what may wait in all lanes', async () => {
    const { claim, change, answers, lanes } = setup({ waitingMax: 2 });
    for (const user of 'ab') change('confirm', user, { couponName: user });
    claim('c', 'other');
    expect(lanes.depth()).toMatchObject({ waiting: 2, lanes: 2 });
    expect(await answers()).toEqual({ c: 'overloaded' });
  });

  it('are refused after the time limit while they wait, and are unknown once they are sent', async () => {
    const { change, clock, answers, details } = setup({ timeoutMs: 1_000 });
    change('confirm', 'a');
    change('release', 'b');
    await clock.advance(1_100);
    expect(await answers()).toEqual({
      ...{ 'confirm-a': 'outcome_unknown claim-of-a', 'release-b': 'overloaded' },
    });
    expect(details[1]).toBe('the change waited too long for its turn');
  });

  it.each([
    ['confirm', 'its claim_id'],
    ['release', 'its claim_id'],
    ['redeem', 'its claim_id and the same Idempotency-Key'],
  ] as const)('have a fault after a lost %s that says how to repeat it', async (name, how) => {
    const { change, clock, answers, details } = setup({ timeoutMs: 1_000 });
    change(name, 'a', { claimId: undefined });
    await clock.advance(1_100);
    expect(await answers()).toEqual({ [`${name}-a`]: 'outcome_unknown' });
    expect(details).toEqual([
      `the database has not confirmed this change, so it may be stored; send it again with ${how}`,
    ]);
  });

  it('are found by halving when the database refuses one of them, and the others are decided', async () => {
    const { claim, change, store, answers, details } = setup();
    claim('x');
    change('confirm', 'a');
    change('confirm', 'b');
    await store.decide(0);
    await store.refuse(1, 'refused');
    await store.decide(2);
    await store.refuse(3, 'refused');
    expect(await answers()).toEqual({
      ...{ x: 'claimed', 'confirm-a': 'changed' },
      'confirm-b': 'unavailable',
    });
    expect(details).toEqual(['the database refuses this change; nothing of it is stored']);
  });

  it('are drained like claims, and new ones are refused meanwhile', async () => {
    const { change, store, clock, answers, lanes } = setup();
    change('confirm', 'a');
    change('release', 'b');
    const drained = lanes.drain(4_000);
    change('redeem', 'c');
    await store.decide(0);
    await store.decide(1);
    await clock.advance(5);
    await drained;
    expect(await answers()).toEqual({
      ...{ 'confirm-a': 'changed', 'release-b': 'changed', 'redeem-c': 'unavailable' },
    });
  });

  it('are answered unknown or refused when the time to drain is over', async () => {
    const { change, clock, answers, lanes } = setup();
    change('confirm', 'a');
    change('release', 'b');
    const drained = lanes.drain(1_000);
    await clock.advance(1_005);
    await drained;
    expect(await answers()).toEqual({
      ...{ 'confirm-a': 'outcome_unknown claim-of-a', 'release-b': 'unavailable' },
    });
  });

  it('report a coupon that no longer exists, and a claim of their batch that is sold out', async () => {
    const { claim, change, store, notFound, soldOut } = setup();
    change('confirm', 'a');
    change('confirm', 'b');
    claim('c');
    await store.answer(0, {
      ...{ kind: 'decided', commitSeconds: 0, outcomes: [{ outcome: 'coupon_not_found' }] },
    });
    await store.answer(1, {
      ...{ kind: 'decided', commitSeconds: 0 },
      outcomes: [{ outcome: 'claim_not_found' }, { outcome: 'sold_out' }],
    });
    expect([notFound, soldOut]).toEqual([['LAUNCH'], ['LAUNCH']]);
  });
});

describe('a batch in doubt with changes', () => {
  /** Sends the commands in one batch behind another, and loses its answer. */
  async function lost(send: (lanes: ReturnType<typeof setup>) => void) {
    const lanes = setup();
    lanes.claim('x');
    send(lanes);
    await lanes.store.decide(0);
    await lanes.store.loseAnswer(1);
    return lanes;
  }

  it.each(changes)(
    'answers a %s from what it has committed, and does not send it again',
    async (name) => {
      const { store, answers } = await lost(({ change }) => change(name, 'a'));
      await store.resolve(0, {
        ...{
          kind: 'committed',
          changes: [{ change: name, claim: changed(aChange(name, 'a')).claim }],
        },
      });
      expect(store.sent.length).toBe(2);
      expect(await answers()).toEqual({ x: 'claimed', [`${name}-a`]: 'changed' });
    },
  );

  it.each(changes)('sends a %s again that it has committed without an effect', async (name) => {
    const { store, answers } = await lost(({ change }) => change(name, 'a'));
    await store.resolve(0, 'committed');
    expect(store.calls.at(-1)).toBe(`batch #3: ${name}-a`);
    await store.answer(2, {
      ...{ kind: 'decided', commitSeconds: 0, outcomes: [{ outcome: 'claim_not_found' }] },
    });
    expect(await answers()).toEqual({ x: 'claimed', [`${name}-a`]: 'claim_not_found' });
  });

  it.each(changes)('sends a %s again when it is void', async (name) => {
    const { store, answers } = await lost(({ change }) => change(name, 'a'));
    await store.resolve(0, 'void');
    expect(store.sent[2]?.commands).toEqual(store.sent[1]?.commands);
    await store.decide(2);
    expect(await answers()).toEqual({ x: 'claimed', [`${name}-a`]: 'changed' });
  });

  it('sends only the rest again, in order and before what came later', async () => {
    const { store, claim, answers } = await lost(({ claim, change }) => {
      change('release', 'a');
      claim('a');
      change('confirm', 'b');
      change('redeem', 'c');
    });
    claim('z');
    await store.resolve(0, {
      kind: 'committed',
      changes: [
        { change: 'release', claim: changed(aChange('release', 'a')).claim },
        { change: 'redeem', claim: changed(aChange('redeem', 'c')).claim },
      ],
    });
    expect(store.calls.slice(-1)).toEqual(['batch #3: a confirm-b']);
    await store.decide(2);
    await store.decide(3);
    expect(await answers()).toEqual({
      ...{ x: 'claimed', 'release-a': 'changed', a: 'claimed', 'confirm-b': 'changed' },
      ...{ 'redeem-c': 'changed', z: 'claimed' },
    });
  });

  it('answers a change once that has waited too long meanwhile', async () => {
    const { store, clock, answers, lanes } = await lost(({ change }) => change('release', 'a'));
    await store.resolve(0, new Error('down'));
    await clock.advance(6_000);
    expect(await answers()).toMatchObject({ 'release-a': 'outcome_unknown claim-of-a' });
    await store.resolve(1, {
      kind: 'committed',
      changes: [{ change: 'release', claim: changed(aChange('release', 'a')).claim }],
    });
    expect(await answers()).toMatchObject({ 'release-a': 'outcome_unknown claim-of-a' });
    expect(store.sent.length).toBe(2);
    expect(lanes.depth()).toEqual({ waiting: 0, lanes: 0, oldestMs: 0 });
  });

  it('leaves a change unknown that the database refuses the second time', async () => {
    const { store, answers } = await lost(({ change }) => change('confirm', 'a'));
    await store.resolve(0, 'committed');
    await store.refuse(2, 'not_sent');
    expect(await answers()).toMatchObject({ 'confirm-a': 'outcome_unknown claim-of-a' });
  });

  it('answers each change once, and sends none again that it has made, in any mix of commands', async () => {
    const aStep = fc.record({
      user: fc.constantFrom('a', 'b', 'c'),
      kind: fc.constantFrom('claim', ...changes),
      isMade: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(aStep, { minLength: 1, maxLength: 12 }), async (steps) => {
        const { lanes, store, claim } = setup();
        claim('x');
        const answers: unknown[] = [];
        for (const { user, kind } of steps) {
          if (kind === 'claim') continue;
          lanes.change(aChange(kind, user)).then((outcome) => answers.push(outcome));
        }
        await store.decide(0);
        const sent = (store.sent[1]?.commands ?? []).filter(isChange);
        if (sent.length === 0) return;
        await store.loseAnswer(1);
        const made = sent.filter((_, index) => steps[index]?.isMade);
        await store.resolve(0, {
          kind: 'committed',
          changes: made.map((command) => ({
            change: command.change,
            claim: changed(command).claim,
          })),
        });
        expect(answers.length).toBe(made.length);
        const again = store.sent[2]?.commands ?? [];
        expect(again.length).toBe(sent.length - made.length);
        // Those sent again are in order of arrival.
        const places = again.map((command) => sent.indexOf(command as (typeof sent)[number]));
        expect(places).toEqual([...places].sort((one, other) => one - other));
        if (again.length > 0) await store.decide(2);
        expect(answers.length).toBe(sent.length);
      }),
    );
  });
});
