// SPDX-License-Identifier: GPL-3.0-or-later
/** What the audit finds in sales whose claims end, one planted defect at a time. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { DumpedLedgerRow } from '../../src/proof/dump.ts';
import type { HistoryEvent } from '../../src/proof/history.ts';
import {
  auditRecorded,
  failedRules,
  temporaryFolder,
  violationsOf,
} from '../support/proof-audit.ts';
import type { EndingDump } from '../support/proof-ending-dump.ts';
import { EndingScript } from '../support/proof-ending-script.ts';
import type { Answer } from '../support/proof-recorder.ts';
import { timeAt } from '../support/sale-dump.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

const holdMs = 60_000;
const timeout: Answer = { type: 'info', outcome: 'timeout' };

let script: EndingScript;

/**
 * HOLD has three units, and its claims are held for a minute; PLAIN has five and no holds. Claims are confirmed, released,
 * redeemed, expire and are made again. The audit passes it, so whatever it finds in a test is the planted defect.
 */
beforeEach(() => {
  script = new EndingScript();
  script.create('HOLD', 3, holdMs / 1000);
  script.create('PLAIN', 5);
  const ada = script.claim('HOLD', 'ada', { key: 'k-ada' });
  script.change('HOLD', 'ada', 'redeem', { claimId: ada.claimId, key: 'early' });
  script.change('HOLD', 'ada', 'confirm', { claimId: ada.claimId });
  script.claim('HOLD', 'ada', { key: 'k-ada' });
  const bob = script.claim('HOLD', 'bob', { key: 'k-bob' });
  script.claim('HOLD', 'cyd');
  script.claim('HOLD', 'dan', { key: 'k-dan' });
  script.read('HOLD');
  script.change('HOLD', 'bob', 'release', { claimId: bob.claimId, reason: 'no funds' });
  script.change('HOLD', 'bob', 'release', { claimId: bob.claimId });
  script.change('HOLD', 'bob', 'confirm', { claimId: bob.claimId });
  script.findClaim('HOLD', 'bob');
  script.read('HOLD');
  script.claim('HOLD', 'bob', { key: 'k-bob' });
  script.claim('HOLD', 'bob', { key: 'again' });
  script.change('HOLD', 'bob', 'release');
  script.ms += holdMs;
  script.claim('HOLD', 'dan', { key: 'k-dan' });
  script.change('HOLD', 'cyd', 'confirm');
  script.findClaim('HOLD', 'dan');
  const eve = script.claim('PLAIN', 'eve');
  script.change('PLAIN', 'eve', 'redeem', { claimId: eve.claimId, key: 'till-1' });
  script.change('PLAIN', 'eve', 'redeem', { claimId: eve.claimId, key: 'till-1' });
  script.change('PLAIN', 'eve', 'redeem', { claimId: eve.claimId, key: 'till-2' });
  script.change('PLAIN', 'eve', 'release');
  script.claim('PLAIN', 'fay');
  script.list('HOLD');
  script.list('PLAIN');
});

const findings = async (dump = script.dump()) => {
  const report = await auditRecorded(folder.path, { events: script.recorder.events, dump });
  return { report, rules: failedRules(report), said: violationsOf(report) };
};

/** Fails unless exactly these rules fail, and one of the violations contains the text. */
const expectFailed = async (rules: string[], text: string, dump?: EndingDump) => {
  const found = await findings(dump);
  expect(found.rules, found.said.join('\n')).toEqual(rules);
  expect(found.said.join('\n')).toContain(text);
};

const couponOf = (dump: EndingDump, name: string) => {
  const coupon = dump.coupons.find((one) => one.name === name);
  if (coupon === undefined) throw new Error(`there is no ${name}`);
  return coupon;
};
const claimOf = (dump: EndingDump, user: string) => {
  const claim = dump.claims.find(({ user_id }) => user_id === user);
  if (claim === undefined) throw new Error(`${user} holds nothing`);
  return claim;
};
const ledgerOf = (dump: EndingDump, name: string): DumpedLedgerRow[] => {
  const id = dump.coupons.find((coupon) => coupon.name === name)?.id;
  return dump.ledger.filter((row) => row.coupon_id === id);
};
const rowWith = (dump: EndingDump, name: string, change: string): DumpedLedgerRow => {
  const row = ledgerOf(dump, name).find(({ changes }) => changes?.includes(change));
  if (row === undefined) throw new Error(`${name} has no row with ${change}`);
  return row;
};
/** The content of an answer, for another request. */
const contentOf = ({ claim_id, position, http, outcome }: HistoryEvent): Answer => {
  return { type: 'ok', http, outcome, claim_id, position } as Answer;
};
/** The batch of a defect that the model would not make. */
const batch = () => ({ batchId: script.sale.newId(), ms: script.next() });

it('passes a correct sale whose claims end, and each new rule has checked something', async () => {
  const { report, said } = await findings();
  expect(said).toEqual([]);
  expect(report.verdict).toBe('passed');
  for (const rule of ['R19', 'R20', 'R21', 'R22', 'R23']) {
    expect(report.rules.find((one) => one.rule === rule)).toMatchObject({ verdict: 'passed' });
  }
  // Both sales are searched.
  expect(report.rules.find(({ rule }) => rule === 'R13b')).toMatchObject({
    ...{ verdict: 'passed', checked: 2 },
  });
});

describe('units that come back', () => {
  it('finds a claim that is released twice and returns two units (R8, R19)', async () => {
    const coupon = script.sale.coupon('HOLD');
    const gus = script.claim('HOLD', 'gus');
    script.change('HOLD', 'gus', 'release', { claimId: gus.claimId });
    coupon.end(gus, { ms: gus.released?.ms ?? 0, reason: undefined });
    coupon.recordBatch(coupon.all.length, batch());
    await expectFailed(['R8', 'R19'], 'becomes released, but was released');
  });

  it('finds a row that takes back two units for one claim (R8, R19)', async () => {
    const dump = script.dump();
    const row = rowWith(dump, 'HOLD', 'R');
    row.returned_units = 2;
    const { rules, said } = await findings(dump);
    expect(rules).toEqual(expect.arrayContaining(['R8', 'R19']));
    expect(said.join('\n')).toContain('takes back 2 units, of 1 claim');
  });

  it('finds a unit that was sold twice because it came back twice (R1, R8, R13b, R19)', async () => {
    const coupon = script.sale.coupon('HOLD');
    const gus = script.claim('HOLD', 'gus');
    script.change('HOLD', 'gus', 'release', { claimId: gus.claimId });
    coupon.end(gus, { ms: gus.released?.ms ?? 0, reason: undefined });
    coupon.recordBatch(coupon.all.length, batch());
    for (const user of ['hal', 'ivy', 'jon']) script.claim('HOLD', user);
    await expectFailed(['R1', 'R8', 'R13b', 'R19'], '4 claims of 3 units: oversold');
  });

  it('finds a claim that ended without its unit coming back (R1, R8, R19)', async () => {
    const dump = script.dump();
    rowWith(dump, 'HOLD', 'R').returned_units = 0;
    const { rules } = await findings(dump);
    expect(rules).toEqual(['R1', 'R8', 'R19']);
  });
});

describe('changes that no state allows', () => {
  it('finds a claim that is redeemed twice, at two tills (R19)', async () => {
    script.change('PLAIN', 'fay', 'redeem', { key: 'till-1' });
    script.change('PLAIN', 'fay', 'redeem', { key: 'till-2', answer: contentOf(script.last) });
    await expectFailed(['R19'], 'redeems the claim that op');
  });

  it('finds a claim that the ledger redeems twice (R19)', async () => {
    const coupon = script.sale.coupon('PLAIN');
    const dump = script.dump();
    const row = rowWith(dump, 'PLAIN', 'U');
    row.changed_positions = [1, 1];
    row.changes = ['U', 'U'];
    expect(coupon.all[0]?.userId).toBe('eve');
    await expectFailed(['R19'], 'position 1 becomes redeemed, but was redeemed', dump);
  });

  it('finds a redeemed claim that is released all the same (R11, R19)', async () => {
    const dump = script.dump();
    const eve = claimOf(dump, 'eve');
    const last = ledgerOf(dump, 'PLAIN').at(-1);
    dump.claims = dump.claims.filter((claim) => claim !== eve);
    const ended = {
      ...eve,
      released_at: last?.recorded_at ?? '',
      reason: 'fraud',
      is_final: false,
    };
    dump.released_claims.push(ended);
    const { rules, said } = await findings(dump);
    expect(rules).toContain('R19');
    expect(said.join('\n')).toContain('is released, by the ledger redeemed');
  });

  it('finds a state that went back from one answer to the next (R11)', async () => {
    script.findClaim('PLAIN', 'eve');
    script.last.state = 'confirmed';
    delete script.last.redeemed_at;
    await expectFailed(['R11'], 'shows a claim as confirmed, after op');
  });
});

describe('holds that end at another time', () => {
  it('finds a confirm after the hold had expired (R20)', async () => {
    const gus = script.claim('HOLD', 'gus');
    script.ms += holdMs;
    const late = script.ms + 2;
    gus.holdEndMs = late + 1000;
    script.change('HOLD', 'gus', 'confirm', { claimId: gus.claimId });
    await expectFailed(['R20'], `was confirmed at ${timeAt(late)}, after its hold had expired`);
  });

  it('finds a unit that is sold over a live hold (R20)', async () => {
    const gus = script.claim('HOLD', 'gus');
    const [hal, ivy] = [script.claim('HOLD', 'hal'), script.sale.coupon('HOLD')];
    expect([hal, ivy.remaining]).toEqual([undefined, 0]);
    gus.holdEndMs = script.ms;
    script.claim('HOLD', 'hal');
    await expectFailed(['R20'], 'while its hold lasted');
  });

  it('finds a unit that is sold over a live hold which stays (R1, R8, R13b)', async () => {
    script.claim('HOLD', 'gus');
    script.sale.coupon('HOLD').remaining += 1;
    script.claim('HOLD', 'hal');
    await expectFailed(['R1', 'R8', 'R13b'], 'R1: HOLD: 4 claims of 3 units');
  });

  it('finds a hold that the sweep released too early (R20)', async () => {
    const gus = script.claim('HOLD', 'gus');
    gus.holdEndMs = script.ms + 10;
    script.ms += 20;
    script.sweep('HOLD');
    await expectFailed(['R20'], 'while its hold lasted');
  });

  it('finds an answer that shows another end of the hold than its coupon says (R20)', async () => {
    script.claim('HOLD', 'gus');
    script.last.expires_at = timeAt(script.ms + 2 * holdMs);
    await expectFailed(['R20'], 'shows another end than its hold has');
  });

  it('finds a release that counts as in time after the hold had expired (R20)', async () => {
    const gus = script.claim('HOLD', 'gus');
    gus.holdEndMs = script.ms + 2 * holdMs;
    script.ms += holdMs;
    script.change('HOLD', 'gus', 'release', { claimId: gus.claimId });
    await expectFailed(['R20'], 'was released at');
  });

  it('finds a sold_out while a hold had expired and kept its unit (R10)', async () => {
    const coupon = script.create('OTHER', 1, 1);
    script.claim('OTHER', 'gus');
    coupon.addStock(1, batch());
    script.ms += 2000;
    // This win shows that the hold had expired by the database's clock.
    const added = script.invoke({ f: 'add_stock', coupon: 'OTHER', units: 1 });
    script.complete(added, { type: 'ok', http: 200, outcome: 'stock_added' });
    script.claim('OTHER', 'hal');
    const soldOut: Answer = { type: 'fail', http: 400, outcome: 'sold_out', effect: 'none' };
    script.claim('OTHER', 'ivy', { answer: soldOut });
    await expectFailed(['R10'], 'a hold had expired, and had its unit');
  });
});

describe('changes that were acknowledged or requested', () => {
  it('finds an acknowledged confirm that is lost (R21)', async () => {
    const gus = script.claim('HOLD', 'gus');
    script.change('HOLD', 'gus', 'confirm', { claimId: gus.claimId });
    const coupon = script.sale.coupon('HOLD');
    // The batch of the confirm is gone, as after a commit without a flush.
    coupon.ledger.pop();
    delete gus.confirmedMs;
    await expectFailed(['R21'], `is acknowledged, but claim ${gus.claimId} is not stored so`);
  });

  it('finds an acknowledged confirm that is lost, and whose hold then expires (R21)', async () => {
    const gus = script.claim('HOLD', 'gus');
    script.change('HOLD', 'gus', 'confirm', { claimId: gus.claimId });
    script.sale.coupon('HOLD').ledger.pop();
    delete gus.confirmedMs;
    script.ms += 2 * holdMs;
    script.sweep('HOLD');
    await expectFailed(['R21'], 'is not stored so');
  });

  it('finds an acknowledged release, and a redemption, that are lost (R21)', async () => {
    script.claim('HOLD', 'gus');
    const answerTo = (outcome: string, name: string, user: string): Answer => {
      const claim = script.sale.coupon(name).claimsByUser.get(user);
      const shown = { claim_id: claim?.claimId ?? '', position: claim?.position ?? 0 };
      return { type: 'ok', http: 200, outcome, ...shown };
    };
    script.change('HOLD', 'gus', 'release', { answer: answerTo('released', 'HOLD', 'gus') });
    script.change('PLAIN', 'fay', 'redeem', { answer: answerTo('redeemed', 'PLAIN', 'fay') });
    const { rules, said } = await findings();
    expect(rules).toEqual(['R21']);
    expect(said).toHaveLength(2);
  });

  it('finds a late retry of a release that ends the newer claim of the user (R22)', async () => {
    const coupon = script.sale.coupon('HOLD');
    const first = script.claim('HOLD', 'gus');
    script.change('HOLD', 'gus', 'release', { claimId: first.claimId });
    const second = script.claim('HOLD', 'gus');
    const retry = script.change('HOLD', 'gus', 'release', { claimId: first.claimId });
    expect(retry).toMatchObject({ outcome: 'released', claim_id: first.claimId });
    coupon.end(second, { ms: script.next(), reason: undefined });
    coupon.recordBatch(coupon.all.length, { batchId: script.sale.newId(), ms: script.ms });
    const what = `claim ${second.claimId} of gus: no request can have changed it by release`;
    await expectFailed(['R22'], what);
  });

  it('finds an answer that shows the end of another claim than the request names (R22)', async () => {
    const first = script.claim('HOLD', 'gus');
    script.change('HOLD', 'gus', 'release', { claimId: first.claimId });
    const second = script.claim('HOLD', 'gus');
    script.change('HOLD', 'gus', 'release', { claimId: second.claimId });
    const invoked = script.recorder.events.at(-2);
    Object.assign(invoked as object, { claim_id: first.claimId });
    await expectFailed(['R22'], `names claim ${first.claimId}, and shows ${second.claimId}`);
  });

  it('finds a confirm and a redemption that no user requested (R22)', async () => {
    const dump = script.dump();
    const requests = script.recorder.events.filter(({ f }) => f === 'confirm' || f === 'redeem');
    for (const event of requests) {
      const { f, coupon, user, outcome } = event;
      if (event.type !== 'ok') continue;
      Object.assign(event, { f, coupon, user, outcome, type: 'fail', effect: 'none' });
      Object.assign(event, { outcome: 'overloaded', http: 429, retry_after_s: 1 });
    }
    await expectFailed(['R22'], 'no request can have changed it by confirm', dump);
  });

  it('finds a change that was refused and took effect all the same, although a repeat succeeded (R22)', async () => {
    const gus = script.claim('PLAIN', 'gus');
    script.change('PLAIN', 'gus', 'redeem', { claimId: gus.claimId, key: 'till' });
    const { f, coupon, user } = script.last;
    const refusal = { outcome: 'unavailable', effect: 'none', http: 503, retry_after_s: 1 };
    for (const name of ['state', 'claim_id', 'position', 'claimed_at', 'redeemed_at'] as const) {
      delete script.last[name];
    }
    Object.assign(script.last, { f, coupon, user, type: 'fail', ...refusal });
    script.claim('PLAIN', 'hal');
    script.change('PLAIN', 'gus', 'redeem', { claimId: gus.claimId, key: 'till' });
    await expectFailed(['R22'], `claim ${gus.claimId} of gus: no request can have changed it by`);
  });

  it('accepts a change whose answer was lost, and one whose request was', async () => {
    const [gus, fay] = [script.claim('HOLD', 'gus'), script.claim('PLAIN', 'fay')];
    script.change('HOLD', 'gus', 'confirm', { claimId: gus.claimId });
    const { f, op, proc, node, coupon, user } = script.last;
    const lost = script.recorder.events;
    lost.splice(-1, 1, {
      i: lost.length - 1,
      t_ms: script.ms,
      f,
      op,
      proc,
      node,
      coupon,
      ...(user && { user }),
      ...timeout,
    });
    script.change('PLAIN', 'fay', 'redeem', { claimId: fay?.claimId, answer: timeout });
    await expectFailed([], '');
  });
});

describe('users and their claims', () => {
  it('finds two live claims of one user in the middle of the ledger, even if one ended later (R2)', async () => {
    const gus = script.claim('HOLD', 'gus');
    script.change('HOLD', 'gus', 'release', { claimId: gus.claimId });
    script.claim('HOLD', 'gus');
    const dump = script.dump();
    const rows = ledgerOf(dump, 'HOLD');
    const [released, again] = rows.slice(-2) as [DumpedLedgerRow, DumpedLedgerRow];
    // The second claim comes before the release of the first.
    const { seq } = released;
    released.seq = again.seq;
    again.seq = seq;
    const { rules, said } = await findings(dump);
    expect(rules).toContain('R2');
    expect(said.join('\n')).toContain('gus holds positions');
  });

  it('finds a late retry under the key of a claim that ended and that claims anew (R7)', async () => {
    const gus = script.claim('HOLD', 'gus', { key: 'k-gus' });
    script.change('HOLD', 'gus', 'release', { claimId: gus.claimId });
    gus.idempotencyKey = 'other';
    script.claim('HOLD', 'gus', { key: 'k-gus' });
    gus.idempotencyKey = 'k-gus';
    await expectFailed(['R7'], 'the key k-gus made more than one claim');
  });

  it('finds a refusal of a user whose claim was live (R7, R13b)', async () => {
    script.claim('PLAIN', 'eve');
    const closed: Answer = { type: 'fail', http: 400, outcome: 'sold_out', effect: 'none' };
    const gus = script.claim('HOLD', 'gus');
    script.claim('HOLD', 'hal');
    script.claim('HOLD', 'gus', { answer: closed });
    await expectFailed(['R7', 'R13b'], `the user held claim ${gus.claimId}`);
  });

  it('finds a look-up that misses a live claim (R11, R13b)', async () => {
    script.claim('HOLD', 'gus');
    script.findClaim('HOLD', 'gus');
    const { op, proc, node, f, coupon, i, t_ms } = script.last;
    const none = { type: 'fail', http: 404, outcome: 'claim_not_found', effect: 'none' } as const;
    const { events } = script.recorder;
    events.splice(-1, 1, { op, proc, node, f, coupon, i, t_ms, user: 'gus', ...none });
    await expectFailed(['R11', 'R13b'], 'the user held claim');
  });

  it('finds a list that misses a claim that was shown, and one that shows an earlier state (R11)', async () => {
    script.list('PLAIN');
    const claims = script.last.claims ?? [];
    script.last.claims = claims.slice(0, 1);
    await expectFailed(['R11'], 'misses claim');
    script.last.claims = claims.map(([id]) => [id, 'confirmed']);
    await expectFailed(['R11'], 'lists as confirmed what op');
  });

  it('finds a list with a claim, or a state, that is not stored (R3)', async () => {
    script.list('PLAIN');
    const claims = script.last.claims ?? [];
    script.last.claims = [...claims, [script.sale.newId(), 'confirmed']];
    await expectFailed(['R3'], 'stored is none');
    script.last.claims = claims.map(([id, state]) => [
      id,
      state === 'redeemed' ? state : 'released',
    ]);
    await expectFailed(['R3'], 'as released, stored is confirmed');
  });

  it('ignores a list that is not complete', async () => {
    script.list('PLAIN');
    Object.assign(script.last, { claims: [], next_cursor: '9' });
    await expectFailed([], '');
  });

  it('finds a read that shows a claim that had ended, and one that misses a live one (R9, R13b)', async () => {
    const gus = script.claim('HOLD', 'gus');
    script.findClaim('HOLD', 'bob');
    script.change('HOLD', 'gus', 'release', { claimId: gus.claimId });
    script.read('HOLD');
    script.last.remaining_amount = 0;
    await expectFailed(['R9', 'R13b'], 'showed 3 claims, possible: 2 to 2');
    script.last.remaining_amount = 2;
    await expectFailed(['R9', 'R13b'], 'showed 1 claim, possible: 2 to 2');
  });

  it('finds a read that shows the unit of an expired hold before its release (R13b)', async () => {
    script.create('LATE', 2, holdMs / 1000);
    script.claim('LATE', 'gus');
    script.ms += holdMs;
    script.read('LATE');
    script.last.remaining_amount = 2;
    // The hold has expired, and no decision has released it yet.
    script.findClaim('LATE', 'gus');
    script.sweep('LATE');
    script.read('LATE');
    await expectFailed(['R13b'], 'LATE: no order explains all answers');
  });

  it('finds a sold_out although too few claims can have been live (R10, R13b)', async () => {
    const soldOut: Answer = { type: 'fail', http: 400, outcome: 'sold_out', effect: 'none' };
    const gus = script.claim('HOLD', 'gus');
    script.findClaim('HOLD', 'bob');
    script.change('HOLD', 'gus', 'release', { claimId: gus.claimId });
    script.claim('HOLD', 'hal', { answer: soldOut });
    script.claim('HOLD', 'ivy');
    await expectFailed(['R10', 'R13b'], 'at most 2 claims live');
  });
});

describe('refusals by the state of a claim', () => {
  const refused = (outcome: string, claimId?: string): Answer => {
    const shown = claimId === undefined ? {} : { claim_id: claimId };
    return { type: 'fail', http: 409, outcome, effect: 'none', ...shown };
  };

  it('finds a claim_limit_reached of a user who may claim again (R23)', async () => {
    script.claim('PLAIN', 'gus', { answer: refused('claim_limit_reached') });
    await expectFailed(['R23'], 'the user had made 0 claims of 3');
  });

  it('finds a user who made more claims than the coupon allows (R23)', async () => {
    for (const key of ['one', 'two', 'three']) {
      const gus = script.claim('HOLD', 'gus', { key });
      script.change('HOLD', 'gus', 'release', { claimId: gus.claimId });
    }
    script.claim('HOLD', 'gus', { key: 'four' });
    expect(script.last.outcome).toBe('claim_limit_reached');
    await expectFailed([], '');
    const dump = script.dump();
    for (const coupon of dump.coupons) coupon.claims_per_user_max = 2;
    await expectFailed(['R23'], 'gus made 3 claims of 2', dump);
  });

  it('finds a hold_expired while the hold lasted (R23)', async () => {
    const gus = script.claim('HOLD', 'gus');
    script.change('HOLD', 'gus', 'confirm', { answer: refused('hold_expired', gus.claimId) });
    script.change('HOLD', 'gus', 'release', { claimId: gus.claimId });
    script.claim('HOLD', 'hal');
    await expectFailed(['R23'], 'the claim was released');
  });

  it('finds a hold_expired before the hold expired (R23)', async () => {
    const gus = script.claim('HOLD', 'gus');
    script.change('HOLD', 'gus', 'confirm', { answer: refused('hold_expired', gus.claimId) });
    script.change('HOLD', 'ada', 'release');
    script.change('HOLD', 'dan', 'release');
    script.claim('HOLD', 'hal');
    script.ms += 2 * holdMs;
    script.sweep('HOLD');
    await expectFailed(['R23'], 'the hold lasted longer');
  });

  it('finds a claim_released, an already_redeemed and a not_confirmed that were not true (R23)', async () => {
    const fay = script.sale.coupon('PLAIN').claimsByUser.get('fay');
    script.change('PLAIN', 'fay', 'redeem', { answer: refused('claim_released', fay?.claimId) });
    script.change('PLAIN', 'fay', 'redeem', { answer: refused('already_redeemed', fay?.claimId) });
    script.change('PLAIN', 'fay', 'redeem', { answer: refused('not_confirmed', fay?.claimId) });
    const { rules, said } = await findings();
    expect(rules).toEqual(['R23']);
    expect(said).toEqual([
      expect.stringContaining('the claim is not released'),
      expect.stringContaining('the claim is not redeemed'),
      expect.stringContaining('each claim of this coupon is confirmed'),
    ]);
  });

  it('finds a not_confirmed after a confirm, and an already_redeemed under the key of the redemption (R23)', async () => {
    const ada = script.sale.coupon('HOLD').claimsByUser.get('ada')?.claimId ?? '';
    const eve = script.sale.coupon('PLAIN').claimsByUser.get('eve')?.claimId ?? '';
    script.change('HOLD', 'ada', 'redeem', { answer: refused('not_confirmed', ada) });
    script.change('PLAIN', 'eve', 'redeem', {
      ...{ key: 'till-1', answer: refused('already_redeemed', eve) },
    });
    const { rules, said } = await findings();
    expect(rules).toEqual(['R23']);
    expect(said.join('\n')).toContain('the claim had been confirmed');
    expect(said.join('\n')).toContain('has the key of the redemption, but is not a replay');
  });

  it('finds a claim_mismatch and a claim_not_found for a claim that was shown (R13b, R23)', async () => {
    const fay = script.sale.coupon('PLAIN').claimsByUser.get('fay')?.claimId ?? '';
    script.change('PLAIN', 'fay', 'confirm', { claimId: fay, answer: refused('claim_mismatch') });
    script.change('PLAIN', 'fay', 'confirm', { answer: refused('claim_not_found') });
    const { rules, said } = await findings();
    expect(rules).toEqual(['R13b', 'R23']);
    expect(said.join('\n')).toContain('names a claim of this user');
    expect(said.join('\n')).toContain(`claim ${fay} had been shown`);
  });

  it('finds a claim_released under another key than that of the claim (R23)', async () => {
    const bob = script.sale.coupon('HOLD').all.find(({ userId }) => userId === 'bob');
    script.claim('HOLD', 'bob', { key: 'new', answer: refused('claim_released', bob?.claimId) });
    await expectFailed(['R23'], 'has not the key of the claim');
  });
});

/** Defects that cause several violations: each one here must be among them. */
const problems: [problem: string, plant: (dump: EndingDump) => void][] = [
  [
    'R19: HOLD seq 6: changes position 9, which no claim has',
    (dump) => (rowWith(dump, 'HOLD', 'R').changed_positions = [9]),
  ],
  [
    'R19: HOLD seq 6: changes position 2 by X',
    (dump) => (rowWith(dump, 'HOLD', 'R').changes = ['X']),
  ],
  [
    'R19: HOLD seq 6: has more changes than positions',
    (dump) => (rowWith(dump, 'HOLD', 'R').changed_positions = []),
  ],
  [
    'R19: HOLD: position 1 was confirmed at 2031-01-01T00:00:00.000000Z, by the ledger at',
    (dump) => (claimOf(dump, 'ada').confirmed_at = '2031-01-01T00:00:00.000000Z'),
  ],
  [
    'R19: HOLD: position 1 was confirmed at no time, by the ledger at',
    (dump) => (claimOf(dump, 'ada').confirmed_at = null),
  ],
  [
    'R20: PLAIN: position 2 is a hold, but its coupon has no holds',
    (dump) => (claimOf(dump, 'fay').expires_at = '2031-01-01T00:00:00.000000Z'),
  ],
  [
    'R20: HOLD: position 4 is held from',
    (dump) => (claimOf(dump, 'bob').expires_at = '2031-01-01T00:00:00.000000Z'),
  ],
  [
    'stores holds of 0 s',
    (dump) => {
      for (const coupon of dump.coupons) coupon.hold_seconds = null;
    },
  ],
  [
    'R22: PLAIN: claim',
    (dump) => {
      for (const redemption of dump.redemptions) redemption.idempotency_key = 'other';
    },
  ],
  [
    'R8: HOLD: 7 units came back',
    (dump) => Object.assign(couponOf(dump, 'HOLD'), { returned_units: '7' }),
  ],
  [
    'R8: a redemption belongs to coupon 9',
    (dump) => {
      for (const redemption of dump.redemptions) redemption.coupon_id = '9';
    },
  ],
];

describe('violations in the tables of claims that end', () => {
  it.each(problems)('reports the violation "%s"', async (problem, plant) => {
    const dump = script.dump();
    plant(dump);
    const { said } = await findings(dump);
    expect(said.filter((text) => text.includes(problem)).length, said.join('\n')).toBe(1);
  });
});
