// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { auditAnswers } from '../../src/proof/audit/audit-answers.ts';
import { reportLines } from '../../src/proof/audit/report-lines.ts';
import { AnswerCollector } from '../../src/proof/drill/answer-collector.ts';
import type { Completion } from '../../src/proof/drill/completion.ts';
import { claimRequest } from '../../src/proof/drill/scenario.ts';
import type { Dump, DumpedClaim } from '../../src/proof/dump.ts';
import type { SeenAnswers } from '../../src/proof/seen-answers.ts';
import { failedRules } from '../support/proof-audit.ts';
import { head } from '../support/proof-recorder.ts';

const at = '2026-01-02T03:04:05.000001Z';
const url = 'http://a';

const claimOf = (user: string, position: number, more: Partial<DumpedClaim> = {}): DumpedClaim => ({
  ...{ coupon_id: '1', user_id: user, position, claim_id: `id-${user}`, claimed_at: at },
  ...{ idempotency_key: `k-${user}`, ...more },
});

/** A coupon of two units, with these claims and a ledger that fits them. */
function dumpOf(claims: DumpedClaim[]): Dump {
  const remaining = 2 - claims.length;
  const row = { coupon_id: '1', recorded_at: at };
  const grant = { ...row, seq: '1', batch_id: 'b1', kind: 'grant', units: 2, first_position: null };
  const claimed = { ...row, seq: '2', batch_id: 'b2', kind: 'claimed', first_position: 1 };
  const ledger = [
    { ...grant, remaining_after: 2 },
    { ...claimed, units: claims.length, remaining_after: remaining },
  ].filter(({ units }) => units > 0);
  return {
    ...{ dump: 'firstcome', version: 1, taken_at: at, claims, ledger },
    coupons: [
      {
        ...{ id: '1', name: 'c', amount: 2, remaining_amount: remaining, opens_at: null },
        ...{ closes_at: null, paused: false, ledger_seq: String(ledger.length) },
        ...{ decided_at: at, created_at: at },
      },
    ],
  };
}

const won = (user: string, position: number, outcome = 'claimed'): Completion => ({
  ...{ type: 'ok', outcome, claimId: `id-${user}`, position, claimedAt: at },
});
const soldOut: Completion = { type: 'fail', outcome: 'sold_out', effect: 'none' };
const unknown: Completion = { type: 'info', outcome: 'timeout', effect: 'unknown' };

type Answered = [user: string, completion: Completion];
const goodAnswers: Answered[] = [
  ...([
    ['u1', won('u1', 1)],
    ['u2', won('u2', 2)],
    ['u2', won('u2', 2, 'replayed')],
    ['u3', soldOut],
  ] as Answered[]),
];

function seenBy(answers: readonly Answered[], more: Partial<SeenAnswers> = {}): SeenAnswers {
  const collector = new AnswerCollector();
  for (const [user, completion] of answers) {
    collector.add({ node: 0, request: claimRequest('c', user, `k-${user}`) }, completion);
  }
  const { claims, refusals, undecided, contradictions } = collector;
  const reads = [{ url, amount: 2, remainingAmount: 0 }];
  return {
    ...{ coupon: 'c', units: 2, claims, refusals, undecided, contradictions, reads },
    ...more,
  };
}

const audit = (seen: SeenAnswers, claims = [claimOf('u1', 1), claimOf('u2', 2)]) =>
  auditAnswers({ head, operations: 4, seen, dump: dumpOf(claims) });

describe('the audit of a drill without a history', () => {
  it('passes when the stored claims are exactly the acknowledged ones', () => {
    const report = audit(seenBy(goodAnswers));
    expect(failedRules(report)).toEqual([]);
    expect(report.verdict).toBe('passed');
    expect(reportLines(report).join('\n')).toContain('this drill has no history');
  });

  it.each<[string, string, DumpedClaim[]]>([
    ['an acknowledged claim that is not stored', 'R3', [claimOf('u1', 1)]],
    ['another claim id', 'R3', [claimOf('u1', 1), claimOf('u2', 2, { claim_id: 'id-x' })]],
    ['another position', 'R3', [claimOf('u2', 1), claimOf('u1', 2)]],
    [
      'another time',
      'R3',
      [claimOf('u1', 1), claimOf('u2', 2, { claimed_at: `${at}`.replace('1Z', '2Z') })],
    ],
    ['another key', 'R3', [claimOf('u1', 1), claimOf('u2', 2, { idempotency_key: null })]],
    ['a claim that no answer showed', 'R4', [claimOf('u1', 1), claimOf('u3', 2)]],
    ['a user with two claims', 'R2', [claimOf('u1', 1), claimOf('u1', 2)]],
    ['a position that is given twice', 'R8', [claimOf('u1', 1), claimOf('u2', 1)]],
  ])('finds %s after a drill without a history', (_, rule, claims) => {
    expect(failedRules(audit(seenBy(goodAnswers), claims))).toContain(rule);
  });

  it.each<[string, string, Answered[]]>([
    ['two new claims of a user', 'R7', [...goodAnswers, ['u1', won('u1', 1)]]],
    [
      'two claim ids for a user',
      'R7',
      [...goodAnswers, ['u1', { ...won('u1', 1, 'replayed'), claimId: 'x' }]],
    ],
    ['a refusal after a claim', 'R7', [...goodAnswers, ['u1', soldOut]]],
  ])('finds %s in the answers', (_, rule, answers) => {
    expect(failedRules(audit(seenBy(answers)))).toEqual([rule]);
  });

  it('finds a refusal although units are left', () => {
    const reads = [{ url, amount: 2, remainingAmount: 1 }];
    const seen = seenBy(
      [
        ['u1', won('u1', 1)],
        ['u3', soldOut],
      ],
      { reads },
    );
    expect(failedRules(audit(seen, [claimOf('u1', 1)]))).toEqual(['R18']);
  });

  it('finds a node that shows another stock than the stored one', () => {
    const seen = seenBy(goodAnswers, { reads: [{ url, amount: 2, remainingAmount: 1 }] });
    expect(failedRules(audit(seen))).toEqual(['R9']);
  });

  it.each<[string, SeenAnswers]>([
    ['a user got no decision', seenBy([...goodAnswers, ['u4', unknown]])],
    ['no claim was refused', seenBy(goodAnswers.filter(([user]) => user !== 'u3'))],
    ['a node did not answer the last read', seenBy(goodAnswers, { reads: [{ url }] })],
  ])('gives the verdict unknown when %s', (_, seen) => {
    const report = audit(seen);
    expect(failedRules(report)).toEqual([]);
    expect(report.verdict).toBe('unknown');
  });

  it('accepts a stored claim of a user whose outcome is unknown', () => {
    const seen = seenBy([
      ['u1', won('u1', 1)],
      ['u2', unknown],
      ['u3', soldOut],
    ]);
    expect(failedRules(audit(seen))).toEqual([]);
  });
});
