// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { auditHistory } from '../../src/proof/audit/audit.ts';
import { reportLines } from '../../src/proof/audit/report-lines.ts';
import { decisiveRules } from '../../src/proof/audit/verdict.ts';
import type { Dump } from '../../src/proof/dump.ts';
import type { HistoryEvent } from '../../src/proof/history.ts';
import {
  anySize,
  auditRecorded,
  failedRules,
  temporaryFolder,
  violationsOf,
} from '../support/proof-audit.ts';
import {
  type Answer,
  head,
  notFound,
  SaleScript,
  writeJsonLines,
} from '../support/proof-recorder.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

const refusedAs = (outcome: string, http = 409): Answer => {
  return { type: 'fail', http, outcome, effect: 'none' };
};
const soldOut = refusedAs('sold_out', 400);
const timeout: Answer = { type: 'info', outcome: 'timeout' };
const unavailable: Answer = { ...refusedAs('unavailable', 503), retry_after_s: 1 };
const unknown = (claimId: string): Answer => {
  const answer: Answer = { type: 'info', http: 503, outcome: 'outcome_unknown', effect: 'unknown' };
  return { ...answer, claim_id: claimId, retry_after_s: 1 };
};

let script: SaleScript;

/**
 * A sale of three units that sells out, and one of ten that does not, with every type of answer. The audit passes it, so
 * whatever it finds in a test is the planted defect.
 */
beforeEach(() => {
  script = new SaleScript();
  script.create('SMALL', 3);
  script.create('LARGE', 10);
  script.claim('SMALL', 'ada', { key: 'k-ada' });
  script.read('SMALL');
  script.claim('SMALL', 'bob');
  script.claim('SMALL', 'cyd', { key: 'k-cyd' });
  script.claim('SMALL', 'dan');
  script.claim('SMALL', 'ada', { key: 'k-ada', node: 'http://b' });
  script.claim('SMALL', 'bob', { key: 'k-bob' });
  script.findClaim('SMALL', 'ada');
  script.claim('LARGE', 'eve', { key: 'k-eve' });
  script.claim('LARGE', 'fay');
  script.findClaim('LARGE', 'gus');
  script.read('LARGE');
});

const audited = (dump: Dump = script.dump()) => {
  const { recorder, faults } = script;
  return auditRecorded(folder.path, { events: recorder.events, faults, dump });
};

/** The rules that fail, with all violations for the output of a failed test. */
const findings = async (dump?: Dump) => {
  const report = await audited(dump);
  const answer = reportLines(report, 1000).join('\n');
  expect(answer).not.toMatch(/(?<![\d.,-])1 (?:unit|claim|coupon|operation|fault|answer|time)s\b/);
  return { rules: failedRules(report), said: violationsOf(report) };
};

/** Fails unless exactly these rules fail. */
const expectFailed = async (rules: string[], dump?: Dump) => {
  const found = await findings(dump);
  expect(found).toEqual({ rules, said: found.said });
};

const claimOf = (dump: Dump, user: string) => {
  const claim = dump.claims.find(({ user_id }) => user_id === user);
  if (claim === undefined) throw new Error(`${user} holds nothing`);
  return claim;
};
const couponOf = (dump: Dump, name: string) => {
  const coupon = dump.coupons.find((one) => one.name === name);
  if (coupon === undefined) throw new Error(`there is no ${name}`);
  return coupon;
};
const ledgerOf = (dump: Dump, name: string) => {
  const { id } = couponOf(dump, name);
  return dump.ledger.filter((row) => row.coupon_id === id);
};
const lastOf = (dump: Dump, name: string) => {
  const row = ledgerOf(dump, name).at(-1);
  if (row === undefined) throw new Error(`${name} has no ledger`);
  return row;
};

/** Adds a claim to the tables as if it were decided: stock, claim and ledger agree. */
const store = (
  dump: Dump,
  parts: { name: string; user: string; claimId: string; key?: string | null },
) => {
  const coupon = couponOf(dump, parts.name);
  const last = lastOf(dump, parts.name);
  const position = dump.claims.filter(({ coupon_id }) => coupon_id === coupon.id).length + 1;
  coupon.remaining_amount -= 1;
  coupon.ledger_seq = String(Number(last.seq) + 1);
  const claimed_at = last.recorded_at;
  dump.claims.push({
    coupon_id: coupon.id,
    user_id: parts.user,
    position,
    claim_id: parts.claimId,
    claimed_at,
    idempotency_key: parts.key ?? null,
  });
  dump.ledger.push({
    ...last,
    seq: coupon.ledger_seq,
    batch_id: script.sale.newId(),
    kind: 'claimed',
    units: 1,
    first_position: position,
    remaining_after: last.remaining_after - 1,
  });
};

describe('a history without a defect', () => {
  it('passes a correct sale', async () => {
    expect(await findings()).toEqual({ rules: [], said: [] });
  });
});

describe('defects in the tables', () => {
  it('finds an oversold unit (R1)', async () => {
    const claimId = script.sale.newId();
    script.claim('SMALL', 'hal', { answer: timeout });
    const dump = script.dump();
    store(dump, { name: 'SMALL', user: 'hal', claimId });
    await expectFailed(['R1', 'R13b'], dump);
  });

  it('finds a negative remaining amount in the middle of the ledger, even if later rows correct it (R1)', async () => {
    script.addStock('SMALL', 2, 'more');
    script.claim('SMALL', 'hal');
    const dump = script.dump();
    const [added, claimed] = ledgerOf(dump, 'SMALL').slice(-2);
    if (added === undefined || claimed === undefined) throw new Error('too short a ledger');
    Object.assign(added, { kind: 'claimed', units: 1, first_position: 4, remaining_after: -1 });
    const late = { kind: 'stock_added', units: 2, first_position: null, remaining_after: 1 };
    Object.assign(claimed, late);
    claimOf(dump, 'hal').claimed_at = added.recorded_at;
    const { rules } = await findings(dump);
    expect(rules).toContain('R1');
  });

  it('finds a gap in the ledger (R1)', async () => {
    const dump = script.dump();
    lastOf(dump, 'SMALL').seq = '9';
    couponOf(dump, 'SMALL').ledger_seq = '9';
    await expectFailed(['R1'], dump);
  });

  it('finds a batch that is recorded twice (R1)', async () => {
    const dump = script.dump();
    const [first, second] = ledgerOf(dump, 'LARGE');
    if (first === undefined || second === undefined) throw new Error('too short a ledger');
    second.batch_id = first.batch_id;
    await expectFailed(['R1'], dump);
  });

  it('finds a duplicate ledger row (R1)', async () => {
    const dump = script.dump();
    dump.ledger.push({ ...lastOf(dump, 'LARGE') });
    const { rules } = await findings(dump);
    expect(rules).toContain('R1');
  });

  it('finds two claims of one user (R2)', async () => {
    const dump = script.dump();
    store(dump, { name: 'LARGE', user: 'fay', claimId: script.sale.newId() });
    await expectFailed(['R2'], dump);
  });

  it('finds an acknowledged claim that is missing (R3)', async () => {
    script.claim('LARGE', 'hal');
    const dump = script.dump();
    const last = lastOf(dump, 'LARGE');
    dump.claims = dump.claims.filter(({ user_id }) => user_id !== 'hal');
    dump.ledger = dump.ledger.filter((row) => row !== last);
    Object.assign(couponOf(dump, 'LARGE'), { remaining_amount: 8, ledger_seq: '3' });
    await expectFailed(['R3', 'R13b'], dump);
  });

  it('finds a changed position (R3)', async () => {
    const dump = script.dump();
    claimOf(dump, 'ada').position = 2;
    claimOf(dump, 'bob').position = 1;
    const { rules } = await findings(dump);
    expect(rules).toEqual(expect.arrayContaining(['R3', 'R8', 'R13']));
  });

  it('finds a changed claim time (R3)', async () => {
    const dump = script.dump();
    const claim = claimOf(dump, 'fay');
    claim.claimed_at = claim.claimed_at.replace(/.Z$/, '7Z');
    lastOf(dump, 'LARGE').recorded_at = claim.claimed_at;
    await expectFailed(['R3'], dump);
  });

  it('finds acknowledged stock that is missing (R3)', async () => {
    script.addStock('LARGE', 5, 'more');
    const dump = script.dump();
    const last = lastOf(dump, 'LARGE');
    dump.ledger = dump.ledger.filter((row) => row !== last);
    Object.assign(couponOf(dump, 'LARGE'), { amount: 10, remaining_amount: 8, ledger_seq: '3' });
    const { rules } = await findings(dump);
    expect(rules).toContain('R3');
  });

  it('finds a claim that no client requested (R4)', async () => {
    const dump = script.dump();
    store(dump, { name: 'LARGE', user: 'hal', claimId: script.sale.newId() });
    await expectFailed(['R4'], dump);
  });

  it('finds a claim stored under a key that its user never sent (R4)', async () => {
    script.claim('LARGE', 'hal', { key: 'k-hal', answer: timeout });
    const dump = script.dump();
    store(dump, { name: 'LARGE', user: 'hal', claimId: script.sale.newId(), key: 'other' });
    await expectFailed(['R4'], dump);
  });

  it('finds a refused attempt that is stored later (R5)', async () => {
    script.claim('LARGE', 'hal', { answer: unavailable });
    const dump = script.dump();
    store(dump, { name: 'LARGE', user: 'hal', claimId: script.sale.newId() });
    await expectFailed(['R4', 'R5'], dump);
  });

  it('finds the claim id of an unknown outcome stored for another user (R6)', async () => {
    const claimId = script.sale.newId();
    script.claim('LARGE', 'hal', { answer: unknown(claimId) });
    script.claim('LARGE', 'ivy', { answer: timeout });
    const dump = script.dump();
    store(dump, { name: 'LARGE', user: 'ivy', claimId });
    await expectFailed(['R6'], dump);
  });

  it('finds claims that disagree with the stock (R8)', async () => {
    const dump = script.dump();
    dump.claims = dump.claims.filter((claim) => claim.user_id !== 'fay');
    const { rules } = await findings(dump);
    expect(rules).toContain('R8');
  });

  it('finds stock that disagrees with the ledger (R8)', async () => {
    const dump = script.dump();
    const coupon = couponOf(dump, 'LARGE');
    coupon.amount += 1;
    coupon.remaining_amount += 1;
    await expectFailed(['R8'], dump);
  });

  it('finds a ledger that disagrees with the claims (R8)', async () => {
    const dump = script.dump();
    claimOf(dump, 'fay').position = 3;
    const { rules } = await findings(dump);
    expect(rules).toContain('R8');
  });

  it('finds a claim whose time differs from its ledger row (R8)', async () => {
    const dump = script.dump();
    const last = lastOf(dump, 'LARGE');
    last.recorded_at = last.recorded_at.replace(/.Z$/, '7Z');
    await expectFailed(['R8'], dump);
  });

  it('finds a claim from before the sale opened (R12)', async () => {
    script.create('LATE', 5, { opensMs: script.ms + 10 });
    script.ms += 10;
    script.claim('LATE', 'hal');
    const dump = script.dump();
    const answer = script.recorder.events.at(-1) as HistoryEvent;
    const early = couponOf(dump, 'LATE').created_at;
    claimOf(dump, 'hal').claimed_at = early;
    lastOf(dump, 'LATE').recorded_at = early;
    answer.claimed_at = early;
    await expectFailed(['R12'], dump);
  });

  it('finds a claim from after the sale closed (R12)', async () => {
    script.create('BRIEF', 5, { closesMs: script.ms + 10 });
    script.claim('BRIEF', 'hal');
    const answer = script.last;
    const dump = script.dump();
    const late = couponOf(dump, 'BRIEF').closes_at as string;
    claimOf(dump, 'hal').claimed_at = late;
    lastOf(dump, 'BRIEF').recorded_at = late;
    answer.claimed_at = late;
    await expectFailed(['R12'], dump);
  });

  it('finds time that goes back along the ledger (R13)', async () => {
    const dump = script.dump();
    const [first] = ledgerOf(dump, 'LARGE');
    if (first === undefined) throw new Error('LARGE has no ledger');
    first.recorded_at = '2031-01-01T00:00:00.000000Z';
    await expectFailed(['R13'], dump);
  });
});

/** Defects that cause several violations: each one here must be among them. */
const problems: [problem: string, plant: (dump: Dump) => void][] = [
  ['R1: LARGE: 2 claims of 1 unit', (dump) => (couponOf(dump, 'LARGE').amount = 1)],
  [
    'R1: LARGE: has no ledger',
    (dump) => {
      const { id } = couponOf(dump, 'LARGE');
      dump.ledger = dump.ledger.filter((row) => row.coupon_id !== id);
    },
  ],
  ['R1: LARGE seq 3: is a grant', (dump) => (lastOf(dump, 'LARGE').kind = 'grant')],
  ['R1: LARGE seq 3: kind is gift', (dump) => (lastOf(dump, 'LARGE').kind = 'gift')],
  ['R1: LARGE seq 3: a void has a position', (dump) => (lastOf(dump, 'LARGE').kind = 'void')],
  ['R1: LARGE seq 3: 0 units', (dump) => (lastOf(dump, 'LARGE').units = 0)],
  [
    'R1: LARGE seq 3: begins at position 3, not 2',
    (dump) => (lastOf(dump, 'LARGE').first_position = 3),
  ],
  [
    'R1: LARGE seq 3: says 9 units left, expected 8',
    (dump) => (lastOf(dump, 'LARGE').remaining_after = 9),
  ],
  ['R2: LARGE: claim', (dump) => (claimOf(dump, 'fay').claim_id = claimOf(dump, 'ada').claim_id)],
  [
    'R3: coupon LARGE was created, but is not stored',
    (dump) => (couponOf(dump, 'LARGE').name = 'OTHER'),
  ],
  [
    'R3: LARGE: created with 10 units, stored with 11',
    (dump) => Object.assign(ledgerOf(dump, 'LARGE')[0] ?? {}, { units: 11 }),
  ],
  ['R3: LARGE: 1 unit added, requested: 0', (dump) => (lastOf(dump, 'LARGE').kind = 'stock_added')],
  ['R8: a claim belongs to coupon 9', (dump) => (claimOf(dump, 'fay').coupon_id = '9')],
  ['R8: two coupons have the same name', (dump) => (couponOf(dump, 'SMALL').name = 'LARGE')],
  [
    'R8: LARGE: 3 units gone, but 2 claims stored',
    (dump) => (couponOf(dump, 'LARGE').remaining_amount = 7),
  ],
  [
    'R8: LARGE: the ledger gave 2 units, to 1 claim',
    (dump) => (dump.claims = dump.claims.filter(({ user_id }) => user_id !== 'fay')),
  ],
  [
    'R8: LARGE: 3 units gone, by the ledger 2',
    (dump) => (couponOf(dump, 'LARGE').remaining_amount = 7),
  ],
  ['R8: LARGE: the amount is 11, by the', (dump) => (couponOf(dump, 'LARGE').amount = 11)],
  [
    'R8: LARGE: 7 units left, by the ledger 8',
    (dump) => (couponOf(dump, 'LARGE').remaining_amount = 7),
  ],
  [
    'R8: LARGE: the ledger ends with seq 3, not 4',
    (dump) => (couponOf(dump, 'LARGE').ledger_seq = '4'),
  ],
  [
    'R8: LARGE: position 2 is not given exactly once',
    (dump) => (claimOf(dump, 'fay').position = 1),
  ],
  [
    'R8: LARGE: seq 3 gave 1 unit from position 2, claims there: 0',
    (dump) => (claimOf(dump, 'fay').position = 3),
  ],
  [
    'was claimed at 2029-01-01T00:00:00.000000Z, before it was created',
    (dump) => (claimOf(dump, 'fay').claimed_at = '2029-01-01T00:00:00.000000Z'),
  ],
];

describe('violations in the tables', () => {
  it.each(problems)('reports the violation "%s"', async (problem, plant) => {
    const dump = script.dump();
    plant(dump);
    const { said } = await findings(dump);
    expect(said.filter((text) => text.includes(problem)).length, said.join('\n')).toBe(1);
  });
});

describe('defects in the answers', () => {
  it('finds a win that shows no claim (R3)', async () => {
    script.claim('LARGE', 'hal');
    delete script.last.claim_id;
    const { rules, said } = await findings();
    expect(rules).toContain('R3');
    expect(said.join()).toContain('shows no claim');
  });

  it('finds a win that shows no position (R3)', async () => {
    script.claim('LARGE', 'hal');
    delete script.last.position;
    await expectFailed(['R3']);
  });

  it('finds a claim that is shown before it was requested (R4)', async () => {
    script.claim('LARGE', 'hal');
    const shown = { ...script.last, outcome: 'found' };
    const [invoked, answer] = script.recorder.events.splice(-2);
    script.recorder.events.push(
      { ...shown, type: 'invoke', f: 'find_claim' },
      { ...shown, f: 'find_claim' },
      { ...(invoked as HistoryEvent), op: shown.op + 1, proc: 900 },
      { ...(answer as HistoryEvent), op: shown.op + 1, proc: 900 },
    );
    for (const [i, event] of script.recorder.events.entries()) Object.assign(event, { i, t_ms: i });
    await expectFailed(['R4', 'R13b']);
  });

  it('finds a claim of a user after a final closed (R5)', async () => {
    script.create('BRIEF', 5, { closesMs: script.ms + 8 });
    const zombie = script.invokeClaim('BRIEF', 'hal');
    script.claim('BRIEF', 'hal', { answer: refusedAs('closed') });
    script.decide(zombie);
    script.complete(zombie, timeout);
    script.ms += 10;
    await expectFailed(['R5']);
  });

  it('finds one claim id in two unknown outcomes (R6)', async () => {
    const claimId = script.sale.newId();
    script.claim('LARGE', 'hal', { answer: unknown(claimId) });
    script.claim('LARGE', 'ivy', { answer: unknown(claimId) });
    await expectFailed(['R6']);
  });

  it('finds a holder who sends the key of the claim and gets no replay (R7)', async () => {
    script.claim('SMALL', 'ada', { key: 'k-ada' });
    Object.assign(script.last, { ...refusedAs('already_claimed') });
    await expectFailed(['R7']);
  });

  it('finds a claim that is stored without its key (R7)', async () => {
    const dump = script.dump();
    claimOf(dump, 'eve').idempotency_key = null;
    await expectFailed(['R7'], dump);
  });

  it('finds a read without numbers, and one with negative stock (R9)', async () => {
    script.read('LARGE');
    delete script.last.amount;
    script.read('LARGE');
    script.last.remaining_amount = -1;
    const { said } = await findings();
    expect(said.join()).toContain('shows no amount');
    expect(said.join()).toContain('showed -1 of 10 units');
  });

  it('finds a not_open in a sale without an opening time (R12)', async () => {
    const answer = { ...refusedAs('not_open'), retry_after_s: 1 };
    script.create('PLAIN', 5);
    script.claim('PLAIN', 'hal', { answer });
    await expectFailed(['R12']);
  });

  it('finds a closed before the closing time, and a win after a closed (R12)', async () => {
    script.create('LONG', 5, { closesMs: script.ms + 1000 });
    script.claim('LONG', 'hal', { answer: refusedAs('closed') });
    await expectFailed(['R12']);
    script.claim('LONG', 'ivy');
    script.ms += 1000;
    const { said } = await findings();
    expect(said.join()).toContain('a claim that was requested later won');
  });

  it('finds two answers that show different claims for one key (R7)', async () => {
    script.claim('SMALL', 'ada', { key: 'k-ada' });
    script.last.claim_id = script.sale.newId();
    await expectFailed(['R3', 'R7']);
  });

  it('finds a refusal after the claim was shown (R7)', async () => {
    script.claim('SMALL', 'ada', { key: 'k-ada', answer: soldOut });
    await expectFailed(['R7', 'R13b']);
  });

  it('finds a coupon_not_found for a holder (R7 and R11)', async () => {
    script.claim('SMALL', 'ada', { answer: refusedAs('coupon_not_found', 404) });
    await expectFailed(['R7', 'R11']);
  });

  it('finds a replay to another key than the stored one (R7)', async () => {
    script.claim('SMALL', 'ada', { key: 'k-ada' });
    const replay = script.last;
    const invoked = script.recorder.events.find(({ op }) => op === replay.op);
    Object.assign(invoked as HistoryEvent, { key: 'other' });
    replay.key = 'other';
    await expectFailed(['R7']);
  });

  it('finds a claim that is won twice (R7)', async () => {
    script.claim('LARGE', 'fay');
    Object.assign(script.last, { type: 'ok', http: 200, outcome: 'claimed' });
    await expectFailed(['R7']);
  });

  it('finds two concurrent attempts that both win (R7)', async () => {
    const [one, two] = [script.invokeClaim('LARGE', 'hal'), script.invokeClaim('LARGE', 'hal')];
    const answer = script.decide(one);
    script.complete(one, answer);
    script.complete(two, answer);
    await expectFailed(['R7']);
  });

  it('finds an unknown outcome without a claim id (R6)', async () => {
    const { claim_id: _, ...answer } = unknown('');
    script.claim('LARGE', 'hal', { answer });
    await expectFailed(['R6']);
  });

  it('finds a new win under the claim id of an unknown outcome (R6)', async () => {
    const first = script.invokeClaim('LARGE', 'hal', { key: 'k-hal' });
    const answer = script.decide(first);
    script.complete(first, unknown(answer.claim_id as string));
    script.claim('LARGE', 'hal', { key: 'k-hal' });
    script.last.outcome = 'claimed';
    await expectFailed(['R6']);
  });

  it('finds a claim of a user after a final sold_out (R5)', async () => {
    script.create('ONE', 1);
    const zombie = script.invokeClaim('ONE', 'hal');
    script.claim('ONE', 'hal', { answer: soldOut });
    script.decide(zombie);
    script.complete(zombie, timeout);
    await expectFailed(['R5', 'R13b']);
  });

  it('finds a remaining amount above the bounds (R9)', async () => {
    script.read('LARGE');
    script.last.remaining_amount = 9;
    await expectFailed(['R9', 'R13b']);
  });

  it('finds a remaining amount below the bounds (R9)', async () => {
    script.read('LARGE');
    script.last.remaining_amount = 7;
    await expectFailed(['R9', 'R13b']);
  });

  it('finds an amount that no client requested (R9)', async () => {
    script.read('LARGE');
    Object.assign(script.last, { amount: 12, remaining_amount: 10 });
    await expectFailed(['R9', 'R13b']);
  });

  it('finds a read that shows less than an earlier one (R9)', async () => {
    const slow = script.invokeClaim('LARGE', 'hal');
    const answer = script.decide(slow);
    script.read('LARGE');
    script.read('LARGE');
    script.last.remaining_amount = 8;
    script.complete(slow, answer);
    await expectFailed(['R9', 'R13b']);
  });

  describe('with cached reads', () => {
    /** Claims a unit of LARGE, and lets ten seconds pass. */
    const claimAndWait = () => {
      script.claim('LARGE', 'hal');
      script.ms += 10_000;
    };

    it('accepts what was true within the age of the answer, also after a read that showed more', async () => {
      claimAndWait();
      script.read('LARGE');
      script.readCached('LARGE', 8, { ageS: 11, maxAgeS: 60 });
      script.readCached('LARGE', 7, { ageS: 11 });
      script.readCached('LARGE', 7, { ageS: 0, maxAgeS: 60 });
      script.readCached('LARGE', 7, { maxAgeS: 60 });
      await expectFailed([]);
    });

    it('finds a body that is older than its Age (R9)', async () => {
      claimAndWait();
      script.readCached('LARGE', 8, { ageS: 9, maxAgeS: 60 });
      await expectFailed(['R9', 'R13b']);
    });

    it('finds an old body without an Age, which counts as fresh (R9)', async () => {
      claimAndWait();
      script.readCached('LARGE', 8, { maxAgeS: 60 });
      await expectFailed(['R9', 'R13b']);
    });

    it('finds an Age above what the request accepts (R9)', async () => {
      claimAndWait();
      script.readCached('LARGE', 7, { ageS: 3, maxAgeS: 2 });
      script.readCached('LARGE', 7, { ageS: 1, maxAgeS: 0 });
      const { rules, said } = await findings();
      expect(rules).toEqual(['R9']);
      expect(said.join()).toContain('is 3 s old, accepted: 2 s');
      expect(said.join()).toContain('is 1 s old, accepted: 0 s');
    });

    it('finds a body of a time before the coupon had so few units (R9)', async () => {
      claimAndWait();
      script.readCached('LARGE', 6, { ageS: 11, maxAgeS: 60 });
      await expectFailed(['R9', 'R13b']);
    });

    it('finds a cached read that shows less than another one whose whole window was earlier (R9)', async () => {
      claimAndWait();
      script.read('LARGE');
      script.ms += 5_000;
      script.readCached('LARGE', 8, { ageS: 2, maxAgeS: 60 });
      await expectFailed(['R9', 'R13b']);
    });
  });

  it('finds a sold_out while stock is left (R10)', async () => {
    script.claim('LARGE', 'hal', { answer: soldOut });
    await expectFailed(['R10', 'R13b']);
  });

  it('finds a sold_out before a later user wins (R10)', async () => {
    script.create('ONE', 1);
    script.claim('ONE', 'hal', { answer: soldOut });
    script.claim('ONE', 'ivy');
    await expectFailed(['R10', 'R13b']);
  });

  it('finds a sold_out right after an addition of stock (R10)', async () => {
    script.addStock('SMALL', 2, 'more');
    script.claim('SMALL', 'hal', { answer: soldOut });
    script.claim('SMALL', 'ivy');
    await expectFailed(['R10', 'R13b']);
  });

  it('finds a look-up that misses a claim that was shown (R11)', async () => {
    script.findClaim('LARGE', 'fay', notFound);
    await expectFailed(['R11', 'R13b']);
  });

  it('finds a not_open after a claim was shown (R12)', async () => {
    script.create('LATE', 5, { opensMs: script.ms });
    script.claim('LATE', 'hal');
    script.claim('LATE', 'ivy', { answer: { ...refusedAs('not_open'), retry_after_s: 1 } });
    script.claim('LATE', 'jon');
    await expectFailed(['R12']);
  });

  it('finds a closed in a sale that never closes (R12)', async () => {
    script.claim('LARGE', 'hal', { answer: refusedAs('closed') });
    script.claim('LARGE', 'ivy');
    await expectFailed(['R12']);
  });

  it('finds positions that contradict the order of the requests (R13)', async () => {
    const [hal, ivy] = [script.invokeClaim('LARGE', 'hal'), script.invokeClaim('LARGE', 'ivy')];
    const answer = { ivy: script.decide(ivy), hal: script.decide(hal) };
    const events = script.recorder.events;
    script.complete(hal, answer.hal);
    script.complete(ivy, answer.ivy);
    expect((await findings()).rules).toEqual([]);
    // The same, but the lower position was requested only after the other one was shown.
    const moved = events.splice(events.indexOf(ivy), 1);
    events.splice(-1, 0, ...moved);
    for (const [i, event] of events.entries()) Object.assign(event, { i, t_ms: i });
    await expectFailed(['R13']);
  });

  it('finds stock that no user wins any more (R16)', async () => {
    for (const user of ['hal', 'ivy', 'jon', 'kim', 'lea']) {
      script.claim('LARGE', user, { answer: unavailable });
    }
    await expectFailed(['R16']);
    const notes = async () => {
      const { rules } = await audited();
      return rules.find(({ rule }) => rule === 'R16')?.notes.join();
    };
    expect(await notes()).toContain('pass it with --faults');
    script.fault('stop', 'start');
    expect(await notes()).not.toContain('--faults');
  });

  it('does not report stock that was added after the last claims', async () => {
    const late = ['hal', 'ivy', 'jon', 'kim', 'lea', 'mia'];
    for (const user of late) script.claim('SMALL', user);
    expect((await findings()).rules).toEqual([]);
    script.addStock('SMALL', 2, 'late');
    script.addStockUnanswered('SMALL', 2, 'late');
    expect((await findings()).rules).toEqual([]);
    for (const user of ['ned', 'oda']) script.claim('SMALL', user, { answer: unavailable });
    await expectFailed(['R16']);
  });

  it('finds a service that does not recover after a fault (R16)', async () => {
    script.fault('stop', 'start');
    script.claim('LARGE', 'hal', { answer: timeout });
    script.fault('stop', 'end');
    script.claim('LARGE', 'ivy', { answer: unavailable });
    script.ms += 6000;
    script.claim('LARGE', 'jon');
    await expectFailed(['R16']);
  });

  it('finds a 503 without Retry-After (R17)', async () => {
    const { retry_after_s: _, ...answer } = unavailable;
    script.claim('LARGE', 'hal', { answer });
    script.claim('LARGE', 'ivy');
    await expectFailed(['R17']);
  });

  it('finds a 503 with an unknown effect that counts as fail (R17)', async () => {
    script.claim('LARGE', 'hal', { answer: { ...unknown(script.sale.newId()), type: 'fail' } });
    script.claim('LARGE', 'ivy');
    await expectFailed(['R17']);
  });

  it('finds a 500 (R17)', async () => {
    const answer: Answer = { type: 'info', http: 500, outcome: 'internal', effect: 'unknown' };
    script.claim('LARGE', 'hal', { answer });
    script.claim('LARGE', 'ivy');
    await expectFailed(['R17']);
  });

  it('finds a connection that is reset outside any fault (R17)', async () => {
    script.claim('LARGE', 'hal', { answer: { type: 'info', outcome: 'reset' } });
    script.claim('LARGE', 'ivy');
    await expectFailed(['R17']);
  });

  it('notes when connections broke, and how to declare an injected fault', async () => {
    script.claim('LARGE', 'hal', { answer: { type: 'info', outcome: 'reset' } });
    const fromMs = script.recorder.events.at(-1)?.t_ms ?? 0;
    script.ms += 1500;
    script.claim('LARGE', 'ivy', { answer: { type: 'info', outcome: 'reset' } });
    const toMs = script.recorder.events.at(-1)?.t_ms ?? 0;
    script.claim('LARGE', 'jon');
    const recorded = { events: script.recorder.events, dump: script.dump() };
    const { rules } = await auditRecorded(folder.path, recorded);
    const [note = '', ...others] = rules.find(({ rule }) => rule === 'R17')?.notes ?? [];
    const at = (ms: number) => new Date(Date.parse(head.started_at) + ms).toISOString();
    expect(note).toContain(`2 operations broke from ${at(fromMs)} to ${at(toMs)}.`);
    expect(note).toContain('If a fault was injected then, such as kill -9 of the service');
    expect(note).toContain('with --faults');
    expect(others).toEqual([]);
  });

  it('finds an unreadable answer (R17)', async () => {
    script.claim('LARGE', 'hal', {
      answer: { type: 'info', http: 200, outcome: 'unreadable_body' },
    });
    script.claim('LARGE', 'ivy');
    await expectFailed(['R17']);
  });

  it('finds a certain failure without an answer (R17)', async () => {
    script.claim('LARGE', 'hal', { answer: { type: 'fail', outcome: 'timeout', effect: 'none' } });
    script.claim('LARGE', 'ivy');
    await expectFailed(['R17']);
  });

  it('finds an answer rate that does not recover after a fault (R16)', async () => {
    for (let i = 0; i < 600; i += 1) {
      script.findClaim('LARGE', `user-${i}`);
      script.ms += 10;
    }
    script.fault('stop', 'start');
    script.claim('LARGE', 'hal', { answer: timeout });
    script.fault('stop', 'end');
    for (let i = 0; i < 20; i += 1) {
      script.findClaim('LARGE', `user-${i}`);
      script.ms += 1000;
    }
    await expectFailed(['R16']);
  });

  it('accepts a connection that is reset during a fault', async () => {
    script.fault('cut', 'start');
    script.claim('LARGE', 'hal', { answer: { type: 'info', outcome: 'reset' } });
    script.fault('cut', 'end');
    script.claim('LARGE', 'ivy');
    await expectFailed([]);
  });
});

it('notes that the database may be the wrong one where it has no coupon of the history', async () => {
  const { events } = script.recorder;
  const dump = { ...script.dump(), coupons: [], claims: [], ledger: [] };
  const { notes, verdict } = await auditRecorded(folder.path, { events, dump });
  expect(verdict).toBe('failed');
  expect(notes.join()).toContain('is this the database of the drilled service?');
});

describe('faults with absolute times', () => {
  const answer = (ms: number, phase: string) => ({
    ...{ fault: 'kill', phase, at: new Date(Date.parse(head.started_at) + ms).toISOString() },
  });
  const judged = async (...faults: object[]) => {
    script.claim('LARGE', 'hal', { answer: { type: 'info', outcome: 'reset' } });
    script.claim('LARGE', 'ivy');
    const { events } = script.recorder;
    const historyFile = join(folder.path, 'history.jsonl');
    const faultsFile = join(folder.path, 'faults.jsonl');
    writeJsonLines(historyFile, [head, ...events]);
    writeJsonLines(faultsFile, faults);
    const dump = script.dump();
    const report = await auditHistory({ historyFile, faultsFile, dump, options: anySize });
    return { report, failed: failedRules(report) };
  };

  it('excuses breakage during a fault that is given with absolute times', async () => {
    const { failed } = await judged(answer(script.ms - 5, 'start'), answer(script.ms + 5, 'end'));
    expect(failed).toEqual([]);
  });

  it('excuses nothing for a fault that ended before the history began, and is unknown', async () => {
    const { report, failed } = await judged(answer(-9000, 'start'), answer(-1, 'end'));
    expect(failed).toEqual(['R17']);
    expect(report.notes).toEqual(['1 fault ended before this history began']);
    const why = 'the file of faults has none in this history';
    expect(report.rules.find(({ rule }) => rule === 'R18')?.notes).toEqual([why]);
  });
});

describe('the verdict', () => {
  const unknownRules = async (options: object) => {
    const { events } = script.recorder;
    const recorded = { events, faults: script.faults, dump: script.dump() };
    const { verdict, rules } = await auditRecorded(folder.path, recorded, options);
    return { verdict, rules: decisiveRules(rules) };
  };

  it('gives the verdict unknown when too few claims succeeded', async () => {
    expect(await unknownRules({})).toEqual({ verdict: 'unknown', rules: ['R18'] });
    expect(await unknownRules({ okClaimsMin: 5 })).toEqual({ verdict: 'passed', rules: [] });
  });

  it('gives the verdict unknown when no claim received a refusal that the scenario promises', async () => {
    const options = { okClaimsMin: 5, refusals: ['sold_out', 'closed'] };
    expect(await unknownRules(options)).toEqual({ verdict: 'unknown', rules: ['R18'] });
  });

  it('gives the verdict unknown when no claim was refused, unless the scenario has units for all users', async () => {
    script = new SaleScript();
    script.create('SALE', 9);
    for (const user of ['hal', 'ivy', 'jon', 'kim', 'lea']) script.claim('SALE', user);
    const recorded = { events: script.recorder.events, dump: script.dump() };
    const verdictOf = async (scenario: string) =>
      (await auditRecorded(folder.path, { ...recorded, scenario }, { okClaimsMin: 5 })).verdict;
    expect(await verdictOf('flash-sale')).toBe('unknown');
    expect(await verdictOf('overload')).toBe('passed');
  });

  it('gives the verdict unknown when every search for an order gave up', async () => {
    const options = { okClaimsMin: 5, searchStepsMax: 1 };
    expect(await unknownRules(options)).toEqual({ verdict: 'unknown', rules: ['R13b'] });
  });

  it('gives the verdict unknown when there is no claim at all', async () => {
    script = new SaleScript();
    script.create('SALE', 1);
    const options = { okClaimsMin: 0, refusals: [] };
    const rules = ['R2', 'R3', 'R18'];
    expect(await unknownRules(options)).toEqual({ verdict: 'unknown', rules });
  });

  it('gives the verdict unknown when no injected fault affected a client', async () => {
    script.fault('cut', 'start');
    script.fault('cut', 'end');
    script.claim('LARGE', 'hal');
    expect(await unknownRules({ okClaimsMin: 5 })).toEqual({ verdict: 'unknown', rules: ['R18'] });
    // A client that waited long is affected.
    const options = { okClaimsMin: 5, slowMs: 1 };
    expect(await unknownRules(options)).toEqual({ verdict: 'passed', rules: [] });
  });
});
