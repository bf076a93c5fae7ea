// SPDX-License-Identifier: GPL-3.0-or-later
/** What the audit finds in sales whose claims wait in a queue, one planted defect at a time. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { Dump, DumpedTicket } from '../../src/proof/dump.ts';
import {
  auditRecorded,
  failedRules,
  rulesThatLeaveOpen,
  temporaryFolder,
  violationsOf,
} from '../support/proof-audit.ts';
import type { Answer } from '../support/proof-recorder.ts';
import { resultOf, TicketScript, ticketIdOf } from '../support/proof-ticket-script.ts';
import { timeAt } from '../support/sale-dump.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

let script: TicketScript;

/**
 * SMALL has two units and sells out; LARGE has twenty. Claims are won, refused, replayed and answered at once, and one has an
 * unknown outcome. The audit passes it, so whatever it finds in a test is the planted defect.
 */
beforeEach(() => {
  script = new TicketScript();
  script.create('SMALL', 2);
  script.create('LARGE', 20);
  const ada = script.accept('SMALL', 'ada', { key: 'k-ada' });
  script.readTicket(ada);
  const bob = script.accept('SMALL', 'bob', { node: 'http://b' });
  script.decideTicket(ada);
  script.readTicket(ada);
  script.readTicket(script.decideTicket(bob));
  script.claimByTicket('SMALL', 'cyd');
  script.claimByTicket('SMALL', 'ada', { key: 'k-ada' });
  script.claimByTicket('SMALL', 'bob', { key: 'other' });
  script.claim('LARGE', 'dan');
  script.claimByTicket('LARGE', 'eve');
  const unknown = script.invokeClaim('LARGE', 'fay', { key: 'k-fay' });
  script.complete(unknown, unknownWith(ticketIdOf(script.sale.newId())));
  script.claimByTicket('LARGE', 'fay', { key: 'k-fay' });
  script.readTicket(ada);
});

const unknownWith = (ticketId: string): Answer => {
  const answer: Answer = { type: 'info', http: 503, outcome: 'outcome_unknown', effect: 'unknown' };
  return { ...answer, ticket_id: ticketId, retry_after_s: 1 };
};
const notFound: Answer = { type: 'fail', http: 404, outcome: 'ticket_not_found', effect: 'none' };

const audited = (dump: Dump = script.dump()) => {
  const { recorder, faults } = script;
  return auditRecorded(folder.path, { events: recorder.events, faults, dump });
};

/** Fails unless exactly these rules fail. */
const expectFailed = async (rules: string[], dump?: Dump) => {
  const report = await audited(dump);
  const said = violationsOf(report);
  expect({ rules: failedRules(report), said }).toEqual({ rules, said });
};

const rowOf = (dump: Dump, claimId: string): DumpedTicket => {
  const row = dump.tickets?.find(({ claim_id }) => claim_id === claimId);
  if (row === undefined) throw new Error(`the ticket of ${claimId} has no row`);
  return row;
};

describe('a sale with tickets', () => {
  it('passes without a defect', async () => {
    const report = await audited();
    expect({ failed: failedRules(report), said: violationsOf(report) }).toEqual({
      ...{ failed: [], said: [] },
    });
    const rule = report.rules.find(({ rule }) => rule === 'R14');
    expect([rule?.verdict, rule?.checked]).toEqual(['passed', 8]);
  });

  it('passes an expired ticket that no later one overtook', async () => {
    const hal = script.accept('LARGE', 'hal');
    script.readTicket(hal);
    script.readTicket(script.endTicket(hal, 'expired'));
    await expectFailed([]);
  });

  it('passes a ticket that was left open in a fault, and expired', async () => {
    const hal = script.accept('LARGE', 'hal');
    script.fault('broker', 'start');
    script.claimByTicket('LARGE', 'ivy');
    script.fault('broker', 'end');
    script.readTicket(hal);
    script.readTicket(script.endTicket(hal, 'expired'));
    await expectFailed([]);
  });

  it('is unknown while a ticket has no final state', async () => {
    script.readTicket(script.accept('LARGE', 'hal'));
    const report = await audited();
    expect(rulesThatLeaveOpen(report)).toEqual([
      'R14: 1 ticket had no final state when the recording ended',
    ]);
    expect(report.verdict).toBe('unknown');
  });
});

describe('defects of a queue', () => {
  it('finds a claim that was acknowledged before its commit, and lost', async () => {
    const hal = script.claimByTicket('LARGE', 'hal');
    const dump = script.dump();
    const { id = '' } = dump.coupons.find(({ name }) => name === 'LARGE') ?? {};
    dump.tickets = dump.tickets?.filter(({ claim_id }) => claim_id !== hal.claimId) ?? [];
    dump.claims = dump.claims.filter(({ claim_id }) => claim_id !== hal.claimId);
    dump.ledger.splice(
      dump.ledger.findLastIndex(({ coupon_id }) => coupon_id === id),
      1,
    );
    const coupon = dump.coupons.find((one) => one.id === id);
    if (coupon === undefined) throw new Error('there is no LARGE');
    coupon.remaining_amount += 1;
    coupon.ledger_seq = String(Number(coupon.ledger_seq) - 1);
    await expectFailed(['R3', 'R13b', 'R14'], dump);
  });

  it('finds a dropped message: a later ticket is decided, and the earlier one expires', async () => {
    const hal = script.accept('LARGE', 'hal');
    script.claimByTicket('LARGE', 'ivy');
    script.readTicket(hal);
    script.readTicket(script.endTicket(hal, 'expired'));
    await expectFailed(['R14']);
  });

  it('finds a claim that wins after its ticket was shown as expired', async () => {
    const hal = script.accept('LARGE', 'hal');
    script.readTicket(script.endTicket(hal, 'expired'));
    script.decideTicket(hal);
    await expectFailed(['R4', 'R5', 'R14']);
  });

  it('finds an expired ticket whose claim is stored all the same', async () => {
    const hal = script.claimByTicket('LARGE', 'hal');
    const dump = script.dump();
    Object.assign(rowOf(dump, hal.claimId), { outcome: 'ticket_expired', position: null });
    await expectFailed(['R14'], dump);
  });

  it('finds a result that changes after it was shown', async () => {
    const hal = script.claimByTicket('LARGE', 'hal');
    const claimed_at = timeAt(script.ms);
    script.readTicket(hal, resultOf({ ...(hal.answer as Answer), claimed_at }));
    await expectFailed(['R14']);
  });

  it('finds a ticket that is open again after its final state', async () => {
    const hal = script.claimByTicket('LARGE', 'hal');
    const open: Answer = { type: 'ok', http: 200, outcome: 'accepted', ticket_state: 'accepted' };
    script.readTicket(hal, open);
    await expectFailed(['R14']);
  });

  it('finds a good claim that became a dead letter and failed', async () => {
    script.readTicket(script.endTicket(script.accept('LARGE', 'hal'), 'failed'));
    await expectFailed(['R14']);
  });

  it('finds a ticket that a node does not know any more', async () => {
    const hal = script.claimByTicket('LARGE', 'hal');
    script.readTicket(hal, notFound);
    await expectFailed(['R14']);
  });

  it('finds a ticket that wins twice', async () => {
    const hal = script.accept('LARGE', 'hal');
    script.readTicket(script.decideTicket(hal));
    script.decide({ ...hal.invoked, user: 'ivy' }, hal.claimId);
    await expectFailed(['R2', 'R4', 'R14']);
  });

  it('finds a ticket with a second row', async () => {
    const hal = script.claimByTicket('LARGE', 'hal');
    if (hal.row !== undefined) script.otherRows.push({ ...hal.row });
    await expectFailed(['R14']);
  });

  it('finds two claims with one ticket', async () => {
    const hal = script.claimByTicket('LARGE', 'hal');
    const ivy = script.accept('LARGE', 'ivy', { ticketId: hal.ticketId });
    script.complete(ivy.invoked, { type: 'info', outcome: 'ticket_open', effect: 'unknown' });
    const { rules } = await audited();
    const found = rules.find(({ rule }) => rule === 'R14');
    expect(found?.violations.join()).toContain('names the ticket of');
  });

  it('finds a refusal that is stored as a win', async () => {
    const hal = script.claimByTicket('SMALL', 'hal');
    const dump = script.dump();
    Object.assign(rowOf(dump, hal.claimId), { outcome: 'claimed', position: 3 });
    await expectFailed(['R14'], dump);
  });

  it('finds a stored result that shows the claim of another user', async () => {
    const hal = script.claimByTicket('LARGE', 'hal');
    const dump = script.dump();
    rowOf(dump, hal.claimId).user_id = 'eve';
    await expectFailed(['R14'], dump);
  });

  it('finds a replay that shows another claim than the stored one', async () => {
    const again = script.claimByTicket('SMALL', 'ada', { key: 'k-ada' });
    const dump = script.dump();
    rowOf(dump, again.claimId).held_claim_id = script.sale.newId();
    await expectFailed(['R14'], dump);
  });

  it('finds claims that one node has accepted, and that were decided in another order', async () => {
    const hal = script.accept('LARGE', 'hal');
    const ivy = script.accept('LARGE', 'ivy');
    script.decideTicket(ivy);
    script.decideTicket(hal);
    script.readTicket(hal);
    script.readTicket(ivy);
    await expectFailed(['R14']);
  });

  it('accepts another order of claims that two nodes have accepted', async () => {
    const hal = script.accept('LARGE', 'hal');
    const ivy = script.accept('LARGE', 'ivy', { node: 'http://b' });
    script.readTicket(script.decideTicket(ivy));
    script.readTicket(script.decideTicket(hal));
    await expectFailed([]);
  });

  it('finds a ticket that no answer named', async () => {
    const hal = script.claimByTicket('LARGE', 'hal');
    script.readTicket({ ...hal, ticketId: ticketIdOf(script.sale.newId()) });
    const { rules } = await audited();
    const found = rules.find(({ rule }) => rule === 'R14');
    expect(found?.violations.join()).toContain('no answer named it');
  });

  it('finds the claim of an unknown outcome stored for another user, by the id of its ticket (R6)', async () => {
    const claimId = script.sale.newId();
    const unknown = script.invokeClaim('LARGE', 'hal');
    script.complete(unknown, unknownWith(ticketIdOf(claimId)));
    const ivy = script.invokeClaim('LARGE', 'ivy');
    script.decide(ivy, claimId);
    script.complete(ivy, { type: 'info', outcome: 'timeout' });
    await expectFailed(['R6']);
  });
});
