// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, describe, expect, it } from 'vitest';
import {
  anySize,
  auditRecorded,
  failedRules,
  temporaryFolder,
  violationsOf,
} from '../support/proof-audit.ts';
import { type EndingHistory, generateEndingHistory } from '../support/proof-ending-histories.ts';
import { type GeneratedHistory, generateHistory, smallCrowd } from '../support/proof-histories.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

const histories = 1000;
const rulesOfEndings = ['R19', 'R20', 'R21', 'R22', 'R23'];
const rulesOfSagas = ['R15', 'R24', 'R25', 'R26', 'R27', 'R28', 'R29'];

// The thousand histories may take half a minute on a busy machine.
describe('the audit', { timeout: 240_000 }, () => {
  it('reports no violation in a thousand correct histories', async () => {
    const alarms: string[] = [];
    const checked = new Map<string, number>();
    for (let seed = 1; seed <= histories; seed += 1) {
      const report = await auditRecorded(folder.path, generateHistory(seed));
      for (const { rule, checked: count } of report.rules) {
        checked.set(rule, (checked.get(rule) ?? 0) + count);
      }
      if (report.verdict === 'passed') continue;
      alarms.push(`seed ${seed}: ${report.verdict}`, ...violationsOf(report));
      alarms.push(...report.rules.filter((r) => r.verdict === 'unknown').map((r) => `${r.rule}?`));
    }
    expect(alarms).toEqual([]);
    // Each rule compared something; a rule without anything to check would prove nothing.
    expect(checked.size).toBe(30);
    for (const [rule, count] of checked) {
      if (![...rulesOfEndings, ...rulesOfSagas].includes(rule))
        expect([rule, count >= 100]).toEqual([rule, true]);
    }
  });

  it('reports no violation in a thousand correct histories whose claims end', async () => {
    const alarms: string[] = [];
    const checked = new Map<string, number>();
    for (let seed = 1; seed <= histories; seed += 1) {
      const report = await auditRecorded(folder.path, generateEndingHistory(seed));
      for (const { rule, checked: count } of report.rules) {
        checked.set(rule, (checked.get(rule) ?? 0) + count);
      }
      if (report.verdict !== 'passed') {
        alarms.push(`seed ${seed}: ${report.verdict}`, ...violationsOf(report));
      }
    }
    expect(alarms).toEqual([]);
    for (const rule of rulesOfEndings) expect(checked.get(rule)).toBeGreaterThan(1000);
  });

  it('reports a late sold_out after an addition of stock, unless a delay is declared', async () => {
    let found = 0;
    for (let seed = 1; seed <= 300; seed += 1) {
      const history = generateHistory(seed, { ...smallCrowd, staleMs: 500 });
      const failed = failedRules(await auditRecorded(folder.path, history));
      if (failed.includes('R10')) found += 1;
      const declared = { ...anySize, soldOutDelayMs: 500 };
      const report = await auditRecorded(folder.path, history, declared);
      expect(failedRules(report), `seed ${seed}`).toEqual([]);
    }
    expect(found).toBeGreaterThan(10);
  });

  const defectsOfEndings: [
    what: string,
    rule: string,
    plant: (history: EndingHistory) => boolean,
  ][] = [
    ['an acknowledged confirm that is not stored', 'R21', loseConfirm],
    ['a hold that expired a moment too early', 'R20', expireEarly],
    ['a claim whose release no user requested', 'R22', endWithoutRequest],
    ['a claim whose end is recorded twice', 'R19', recordEndTwice],
  ];

  it.each(defectsOfEndings)(
    'finds a defect in busy histories whose claims end every time: %s (%s)',
    async (_, rule, plant) => {
      let planted = 0;
      for (let seed = 1; seed <= 100; seed += 1) {
        const history = generateEndingHistory(seed);
        if (!plant(history)) continue;
        planted += 1;
        const report = await auditRecorded(folder.path, history);
        expect(failedRules(report), `seed ${seed}`).toContain(rule);
      }
      expect(planted).toBeGreaterThan(10);
    },
  );

  const defects: [what: string, rule: string, plant: (history: GeneratedHistory) => boolean][] = [
    ['two claims that changed places, in the tables and in every answer', 'R13', swapPlaces],
    ['sold_out where stock was left', 'R10', saySoldOut],
    ['an answer that shows the next position', 'R3', showNextPosition],
    ['a claim that a look-up forgot', 'R11', forgetClaim],
  ];

  it.each(defects)(
    'finds a defect in busy histories every time: %s (%s)',
    async (_, rule, plant) => {
      let planted = 0;
      for (let seed = 1; seed <= 300; seed += 1) {
        const history = generateHistory(seed);
        if (!plant(history)) continue;
        planted += 1;
        const report = await auditRecorded(folder.path, history);
        expect(failedRules(report), `seed ${seed}`).toContain(rule);
      }
      expect(planted).toBeGreaterThan(10);
    },
  );
});

/** Swaps position and time of two claims, of which one was won before the other was requested. */
function swapPlaces({ events, dump }: GeneratedHistory): boolean {
  const wins = events.filter(({ type, outcome }) => type === 'ok' && outcome === 'claimed');
  for (const second of wins) {
    const invocation = events.find(({ op, type }) => op === second.op && type === 'invoke');
    const first = wins.find((win) => win.coupon === second.coupon && win.i < (invocation?.i ?? 0));
    if (first === undefined) continue;
    const places = [first, second].map(({ claim_id, position, claimed_at }) => {
      return { claim_id, position, claimed_at };
    });
    for (const row of [...events, ...dump.claims]) {
      const place = places.findIndex(({ claim_id }) => claim_id === row.claim_id);
      if (row.claim_id === undefined || place === -1 || row.position === undefined) continue;
      const { position, claimed_at } = places[1 - place] ?? {};
      Object.assign(row, { position, claimed_at });
    }
    return true;
  }
  return false;
}

/** Turns the answer of a shed claim into a sold_out, for a coupon with units left to the end. */
function saySoldOut({ events, dump }: GeneratedHistory): boolean {
  const left = dump.coupons.filter(({ id, remaining_amount }) => {
    const hasMore = dump.ledger.some((row) => row.coupon_id === id && row.kind === 'stock_added');
    return remaining_amount > 0 && !hasMore;
  });
  const names = new Set(left.map(({ name }) => name));
  const answer = events.find((one) => one.retry_after_s === 1 && names.has(one.coupon));
  if (answer === undefined) return false;
  Object.assign(answer, { type: 'fail', http: 400, outcome: 'sold_out', effect: 'none' });
  return true;
}

function showNextPosition({ events }: GeneratedHistory): boolean {
  const answer = events.findLast(({ position }) => position !== undefined);
  if (answer?.position === undefined) return false;
  answer.position += 1;
  return true;
}

/** Removes the claim from a look-up, although an earlier answer showed it to the user. */
function forgetClaim({ events }: GeneratedHistory): boolean {
  for (const answer of events) {
    if (answer.outcome !== 'found') continue;
    const invocation = events.find(({ op, type }) => op === answer.op && type === 'invoke');
    const isShown = events.some((one) => {
      return one.i < (invocation?.i ?? 0) && one.claim_id === answer.claim_id && one.type === 'ok';
    });
    if (!isShown) continue;
    Object.assign(answer, { type: 'fail', http: 404, outcome: 'claim_not_found', effect: 'none' });
    for (const name of ['claim_id', 'position', 'claimed_at'] as const) delete answer[name];
    return true;
  }
  return false;
}

function loseConfirm({ events, dump }: EndingHistory): boolean {
  const confirm = events.find(({ f, type }) => f === 'confirm' && type === 'ok');
  const rows = [...dump.claims, ...dump.released_claims];
  const claim = rows.find(({ claim_id }) => claim_id === confirm?.claim_id);
  if (claim === undefined || typeof claim.confirmed_at !== 'string') return false;
  claim.confirmed_at = null;
  return true;
}

/** The hold of the coupon is longer than its claims were held. */
function expireEarly({ events, dump }: EndingHistory): boolean {
  const held = dump.coupons.find(({ hold_seconds: seconds }) => typeof seconds === 'number');
  const hasExpired = dump.released_claims.some(({ reason }) => reason === 'expired');
  if (held === undefined || !hasExpired) return false;
  held.hold_seconds = 3600;
  for (const event of events) if (event.f === 'create') delete event.hold_seconds;
  return true;
}

/** All releases of a user were refused, yet a claim of this user is released. */
function endWithoutRequest({ events, dump }: EndingHistory): boolean {
  const released = dump.released_claims.find(({ reason }) => reason !== 'expired');
  if (released === undefined) return false;
  for (const event of events) {
    const isOfUser = event.user === released.user_id && event.f === 'release';
    if (!isOfUser || event.type === 'invoke') continue;
    Object.assign(event, { type: 'fail', http: 503, outcome: 'overloaded', effect: 'none' });
    event.retry_after_s = 1;
    for (const name of ['claim_id', 'state', 'released_at'] as const) delete event[name];
  }
  return true;
}

function recordEndTwice({ dump }: EndingHistory): boolean {
  const row = dump.ledger.findLast(({ changes }) => changes?.includes('R'));
  const at = row?.changes?.indexOf('R') ?? -1;
  const position = row?.changed_positions?.[at];
  if (row === undefined || position === undefined) return false;
  row.changed_positions?.push(position);
  row.changes?.push('R');
  return true;
}
