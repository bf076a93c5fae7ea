// SPDX-License-Identifier: GPL-3.0-or-later
/** What the audit finds in sales with sagas, one planted defect at a time. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { EntryRecord, HistoryEvent, ReceivedRecord } from '../../src/proof/history.ts';
import {
  auditRecorded,
  failedRules,
  temporaryFolder,
  violationsOf,
} from '../support/proof-audit.ts';
import type { EndingDump } from '../support/proof-ending-dump.ts';
import type { EndingClaim } from '../support/proof-ending-sale.ts';
import type { Answer } from '../support/proof-recorder.ts';
import { sagaIdOf } from '../support/proof-saga-model.ts';
import { SagaScript } from '../support/proof-saga-script.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

let script: SagaScript;
let ada: EndingClaim;
let bob: EndingClaim;
let cyd: EndingClaim;

/**
 * SAGA has three units. The saga of ada is done, and she redeems. That of bob is declined and undone. That of cyd is done,
 * and then an operator has it undone. The audit passes it, so whatever it finds in a test is the planted defect.
 */
beforeEach(() => {
  script = new SagaScript();
  script.createWithSaga('SAGA', 3);
  ada = script.claim('SAGA', 'ada', { key: 'k-ada' });
  script.change('SAGA', 'ada', 'confirm', { claimId: ada.claimId });
  bob = script.claim('SAGA', 'bob');
  script.readBooks();
  script.finish(ada);
  script.change('SAGA', 'ada', 'redeem', { claimId: ada.claimId, key: 'till' });
  script.decline(bob, 3);
  script.findClaim('SAGA', 'bob');
  script.undo(bob);
  script.deliver();
  script.findClaim('SAGA', 'bob');
  cyd = script.claim('SAGA', 'cyd');
  script.finish(cyd);
  script.findClaim('SAGA', 'cyd');
  script.askForUndo(cyd);
  script.change('SAGA', 'cyd', 'redeem', { claimId: cyd.claimId });
  script.readBooks();
  script.undo(cyd);
  script.list('SAGA');
});

const findings = async (dump = script.dump()) => {
  const { events } = script.recorder;
  for (const [i, event] of events.entries()) event.i = i;
  const report = await auditRecorded(folder.path, { events, dump });
  return { report, rules: failedRules(report), said: violationsOf(report) };
};

/** Fails unless exactly these rules fail, and one of the violations contains the text. */
const expectFailed = async (rules: string[], text: string, dump?: EndingDump) => {
  const found = await findings(dump);
  expect(found.rules, found.said.join('\n')).toEqual(rules);
  expect(found.said.join('\n')).toContain(text);
};

const { payment, loyalty } = {
  payment: () => script.world.payment,
  loyalty: () => script.world.loyalty,
};
/** Removes the entries of a claim with this action. */
const forget = (claim: EndingClaim, action: EntryRecord['action']) => {
  for (const { entries } of script.world.books) {
    const index = entries.findIndex(
      (one) => one.claim_id === claim.claimId && one.action === action,
    );
    if (index !== -1) entries.splice(index, 1);
    for (const [place, entry] of entries.entries()) entry.seq = place + 1;
  }
};
/** The last line of the subscriber with this event. */
const received = (event: string, user?: string): ReceivedRecord => {
  const lines = script.recorder.events as unknown as ReceivedRecord[];
  const found = lines.findLast((one) => {
    return one.type === 'received' && one.event === event && (user ?? one.user) === one.user;
  });
  if (found === undefined) throw new Error(`no ${event} of ${user} was received`);
  return found;
};
const remove = (record: object) => {
  const { events } = script.recorder;
  events.splice(events.indexOf(record as HistoryEvent), 1);
};

it('passes a correct sale with sagas, and each of its rules has checked something', async () => {
  script.end();
  const { report, said } = await findings();
  expect(said).toEqual([]);
  expect(report.verdict).toBe('passed');
  for (const rule of ['R15', 'R22', 'R23', 'R24', 'R25', 'R26', 'R27', 'R28', 'R29']) {
    expect(report.rules.find((one) => one.rule === rule)).toMatchObject({ verdict: 'passed' });
  }
});

it('lists sagas that need attention apart, and judges no book by them', async () => {
  const dan = script.claim('SAGA', 'dan');
  script.decline(dan, 3);
  if (dan.saga !== undefined) dan.saga.state = 'needs_attention';
  script.end();
  const { report, said } = await findings();
  expect(said).toEqual([]);
  const notes = report.rules.find(({ rule }) => rule === 'R27')?.notes ?? [];
  expect(notes).toEqual(['needs attention: 1 saga', `saga ${sagaIdOf(dan.claimId)}: no answer`]);
});

it('gives the verdict unknown while a book was not read to its end, or events were left', async () => {
  script.deliver();
  script.recorder.see(script.next(), { type: 'delivered', pending: 2, given_up: 0 });
  const { report } = await findings();
  expect(report.verdict).toBe('failed');
  script.readBooks();
  script.change('SAGA', 'cyd', 'confirm', { claimId: cyd.claimId });
  const later = await findings();
  expect(later.report.verdict).toBe('unknown');
  const notes = later.report.rules.flatMap((rule) => rule.notes).join('\n');
  expect(notes).toContain('still to be delivered: 2 events');
  expect(notes).toContain('was not read after the last request');
});

describe('money and points', () => {
  it('finds a confirmed claim without a payment (R24)', async () => {
    const dan = script.claim('SAGA', 'dan');
    script.finish(dan);
    forget(dan, 'capture');
    script.end();
    await expectFailed(['R24'], 'of dan is confirmed, and has 0 of one payment');
  });

  it('finds a claim that is paid twice, under two keys (R24)', async () => {
    const dan = script.claim('SAGA', 'dan');
    script.world.run(dan, 'SAGA', 3);
    forget(dan, 'capture');
    script.finish(dan);
    payment().add(dan, 'SAGA', { step: 'capture', action: 'capture' });
    script.end();
    await expectFailed(['R24'], 'of dan has 2 entries of capture by the step capture');
  });

  it('finds a payment of a claim that is not stored, and one that is refunded twice (R24)', async () => {
    const gone = { ...ada, claimId: script.sale.newId(), userId: 'gus' };
    payment().add(gone, 'SAGA', { step: 'authorize', action: 'authorize' });
    payment().add(gone, 'SAGA', { step: 'capture', action: 'capture' });
    payment().add(cyd, 'SAGA', { step: 'capture', action: 'refund' });
    script.end();
    const { rules, said } = await findings();
    expect(rules).toContain('R24');
    expect(said.join('\n')).toContain(`of gus, which is no claim`);
    expect(said.join('\n')).toContain('of cyd gets back 1999 more by refund than it gave');
  });

  it('finds points that a confirmed claim did not get, or got twice (R25)', async () => {
    const dan = script.claim('SAGA', 'dan');
    script.finish(dan);
    forget(dan, 'grant');
    loyalty().add(ada, 'SAGA', { step: 'points', action: 'grant' });
    script.end();
    const { rules, said } = await findings();
    expect(rules).toEqual(['R25', 'R29']);
    expect(said.join('\n')).toContain('of dan is confirmed, and has 0 of one grant');
    expect(said.join('\n')).toContain('of ada has 2 entries of grant by the step points');
  });

  it.each<[action: EntryRecord['action'], left: string, step: number]>([
    ['void', '1999 are authorized', 3],
    ['revoke', '100 points are granted', 3],
    ['refund', '1999 are captured', 4],
  ])('finds a released claim without its %s (R26)', async (action, left, step) => {
    const dan = script.claim('SAGA', 'dan');
    script.decline(dan, step);
    script.undo(dan);
    forget(dan, action);
    script.end();
    await expectFailed(['R26'], `of dan is released, and ${left}`);
  });
});

describe('the states of sagas', () => {
  it('finds a saga that runs at the end, and a claim without a saga (R27)', async () => {
    script.claim('SAGA', 'dan');
    script.end();
    await expectFailed(['R27'], 'of dan has a saga that has not ended, in state R');
    const dump = script.dump();
    dump.sagas = [];
    await expectFailed(['R27'], 'of ada has no saga', dump);
  });

  it('finds a saga in another state than its claim, and one of another claim (R27)', async () => {
    script.end();
    const dump = script.dump();
    const [first, second] = dump.sagas;
    if (first === undefined || second === undefined) throw new Error('there are no sagas');
    first.state = 'X';
    await expectFailed(['R27'], 'of ada is redeemed, and its saga is compensated', dump);
    first.state = 'D';
    second.state = 'D';
    await expectFailed(['R27'], 'of bob is released, and its saga is done', dump);
    second.state = 'X';
    first.saga_id = second.saga_id;
    await expectFailed(['R27'], `of ada has the saga ${second.saga_id}`, dump);
    first.claim_id = second.claim_id;
    await expectFailed(['R27'], `of ada has the saga of claim ${second.claim_id}`, dump);
  });

  it('finds a step that is left done or is not done at the end (R27)', async () => {
    script.end();
    const dump = script.dump();
    const stepOf = (claim: EndingClaim, step: number) => {
      const id = claim.claimId.replace('-7', '-8');
      const row = dump.saga_steps.find((one) => one.saga_id === id && one.step === step);
      if (row === undefined) throw new Error(`there is no step ${step}`);
      return row;
    };
    stepOf(bob, 1).state = 'D';
    await expectFailed(['R27'], 'of bob has a saga that is compensated, with a step in', dump);
    // Called, and neither known to be declined nor undone.
    stepOf(bob, 1).state = 'P';
    await expectFailed(['R27'], 'saga that is compensated, with a step in state P', dump);
    stepOf(bob, 1).state = 'U';
    stepOf(ada, 3).state = 'Q';
    await expectFailed(['R27'], 'of ada has a saga that is done, with a step in state Q', dump);
    for (const saga of dump.sagas) saga.is_resolved = true;
    await expectFailed([], '', dump);
  });

  it('finds answers that show a claim without its saga, or in another state than it (R27)', async () => {
    script.end();
    script.findClaim('SAGA', 'ada');
    const { last } = script;
    last.saga_state = 'running';
    await expectFailed(['R27'], 'shows a claim that is redeemed, with a saga that is running');
    last.saga_state = 'done';
    last.saga_id = bob.claimId;
    await expectFailed(['R27'], `shows the saga ${bob.claimId} for claim ${ada.claimId}`);
    delete last.saga_id;
    await expectFailed(['R27'], 'shows a claim without its saga');
  });

  it('finds a coupon that is stored without the saga of its creation (R27)', async () => {
    const created = script.recorder.events.find(({ f }) => f === 'create');
    Object.assign(created as object, { saga: 'other' });
    script.end();
    await expectFailed(['R27'], 'stores the saga checkout');
  });

  it('finds a claim with a saga that expired, or that shows a time of expiry (R20)', async () => {
    script.end();
    const dump = script.dump();
    for (const row of dump.released_claims) row.reason = 'expired';
    const { rules, said } = await findings(dump);
    expect(rules).toContain('R20');
    expect(said.join('\n')).toContain('expired, but its saga ends it');
    script.claim('SAGA', 'ada');
    script.last.expires_at = '2030-01-01T00:00:00.000000Z';
    await expectFailed(['R20'], 'shows an end, but a saga ends the claim');
  });

  it('finds an undo that an operator asked for, and that never came (R21)', async () => {
    const dan = script.claim('SAGA', 'dan');
    script.finish(dan);
    script.askForUndo(dan);
    if (dan.saga !== undefined) dan.saga.state = 'done';
    script.end();
    await expectFailed(['R21'], `is acknowledged, but claim ${dan.claimId} is not stored so`);
  });

  it('finds a release for a reason that no operator gave (R22)', async () => {
    script.end();
    const dump = script.dump();
    const released = dump.released_claims.find(({ user_id: user }) => user === 'bob');
    if (released !== undefined) released.reason = 'fraud';
    await expectFailed(['R22'], 'of bob: no request can have changed it by release', dump);
  });

  it.each<[when: string, text: string, refuse: (answer: Answer) => void]>([
    [
      'after the claim was released',
      'no saga of this user can have run',
      (answer) => script.change('SAGA', 'bob', 'confirm', { claimId: bob.claimId, answer }),
    ],
    [
      'after the claim was redeemed',
      'no saga of this user can have run',
      (answer) => script.change('SAGA', 'ada', 'release', { claimId: ada.claimId, answer }),
    ],
    [
      'for a coupon without a saga',
      'claims of this coupon have no sagas',
      (answer) => {
        script.create('PLAIN', 1);
        script.claim('PLAIN', 'ada');
        script.change('PLAIN', 'ada', 'release', { answer });
      },
    ],
  ])('finds a saga_running %s (R23)', async (_, text, refuse) => {
    refuse({ type: 'fail', http: 409, outcome: 'saga_running', effect: 'none' });
    script.end();
    await expectFailed(['R23'], text);
  });
});

describe('the order of steps, books and the ledger', () => {
  it('finds a step that is run after its undo, as by a late call (R28)', async () => {
    payment().add(bob, 'SAGA', { step: 'authorize', action: 'authorize' });
    payment().add(bob, 'SAGA', { step: 'authorize', action: 'void' });
    script.end();
    const { rules, said } = await findings();
    expect(rules).toContain('R28');
    expect(said.join('\n')).toMatch(/of bob: entry \d+ is authorize, after the undo of entry \d+/);
  });

  it('finds undos that are not in reverse order (R28)', async () => {
    const dan = script.claim('SAGA', 'dan');
    script.decline(dan, 2);
    payment().add(dan, 'SAGA', { step: 'capture', action: 'capture' });
    payment().add(dan, 'SAGA', { step: 'authorize', action: 'void' });
    payment().add(dan, 'SAGA', { step: 'capture', action: 'refund' });
    script.world.setStep(dan, 1, 'U');
    script.world.release(dan, 'SAGA', script.next());
    script.end();
    await expectFailed(['R28'], 'undoes capture, after the undo of authorize');
  });

  it('finds a capture without an authorization (R28)', async () => {
    const dan = script.claim('SAGA', 'dan');
    script.finish(dan);
    forget(dan, 'authorize');
    script.end();
    await expectFailed(['R28'], 'captures what was not authorized');
  });

  it('finds a unit that comes back before the money has gone back (R29)', async () => {
    const dan = script.claim('SAGA', 'dan');
    script.finish(dan);
    script.askForUndo(dan);
    script.world.release(dan, 'SAGA', script.next());
    // The unit is given to another user, and the money of the first is still captured.
    const eve = script.claim('SAGA', 'eve');
    script.readBooks();
    for (const step of [3, 2, 1]) script.world.undo(dan, 'SAGA', step);
    script.finish(eve);
    script.end();
    await expectFailed(['R29'], 'of dan was released, and later entry');
  });

  it('finds a claim that is confirmed before its payment (R29)', async () => {
    const dan = script.claim('SAGA', 'dan');
    script.world.run(dan, 'SAGA', 1);
    script.world.confirm(dan, 'SAGA', script.next());
    script.deliver();
    script.readBooks();
    script.world.run(dan, 'SAGA', 2);
    script.world.run(dan, 'SAGA', 3);
    script.end();
    await expectFailed(['R29'], 'of dan was confirmed, and later entry');
  });
});

describe('events', () => {
  beforeEach(() => {
    script.end();
  });

  it('finds an event that never arrived (R15)', async () => {
    remove(received('claim.released', 'cyd'));
    await expectFailed(['R15'], 'SAGA: claim.released of cyd, seq');
  });

  it('finds events of a claim that arrive in another order (R15)', async () => {
    const [first, second] = [received('claim.reserved', 'cyd'), received('claim.confirmed', 'cyd')];
    const content = { ...first };
    Object.assign(first, second, { t_ms: (first as unknown as HistoryEvent).t_ms });
    Object.assign(second, content, { t_ms: (second as unknown as HistoryEvent).t_ms });
    await expectFailed(['R15'], 'of its claim');
  });

  it('accepts an event that arrives again, also later than others of its claim', async () => {
    script.recorder.see(script.next(), { ...received('claim.reserved', 'cyd') });
    await expectFailed([], '');
  });

  it.each<[what: string, text: string, plant: (event: ReceivedRecord) => void]>([
    ['that the ledger does not have', 'is in no row', (event) => (event.id += '9')],
    ['with another type', 'is claim.released by', (event) => (event.event = 'claim.redeemed')],
    ['of another user', 'of cyd by the ledger', (event) => (event.user = 'eve')],
    ['of another time', 'happened at', (event) => (event.at = '2031-01-01T00:00:00.000000Z')],
    ['in another state', 'leaves the claim released', (event) => (event.state = 'reserved')],
    ['without a valid signature', 'is not signed', (event) => (event.signed = false)],
    ['of another coupon', 'is of another coupon', (event) => (event.coupon = 'OTHER')],
  ])('finds an event %s (R15)', async (_, text, plant) => {
    const event = { ...received('claim.released', 'cyd') };
    plant(event);
    script.recorder.see(script.next(), event);
    await expectFailed(['R15'], text);
  });

  it('finds deliveries that were given up (R15)', async () => {
    script.recorder.see(script.next(), { type: 'delivered', pending: 0, given_up: 2 });
    await expectFailed(['R15'], 'given up: 2 events');
  });

  it('accepts that a sale closes after all else, and finds a row of it that moves units (R1)', async () => {
    const dump = script.dump();
    const last = dump.ledger.at(-1);
    const [coupon] = dump.coupons;
    if (last === undefined || coupon === undefined) throw new Error('there is no ledger');
    const none = { units: 0, first_position: null, returned_units: null };
    const unchanged = { changed_positions: null, changes: null };
    const seq = String(dump.ledger.length + 1);
    const row = { ...last, ...none, ...unchanged, seq, batch_id: 'b', kind: 'closed' };
    dump.ledger.push(row);
    coupon.ledger_seq = seq;
    await expectFailed([], '', dump);
    row.units = 1;
    const { rules, said } = await findings(dump);
    expect(rules).toContain('R1');
    expect(said.join('\n')).toContain(`SAGA seq ${seq}: 1 unit`);
  });
});
