// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { type Answer, AnswerParser } from '../../src/proof/drill/answer-parser.ts';
import { completionsOfBatch } from '../../src/proof/drill/batch-answer.ts';
import { classOf, completionOf } from '../../src/proof/drill/completion.ts';
import { requestWriter, type ServiceRequest } from '../../src/proof/drill/request.ts';

const answerText = (head: string[], body: string) =>
  [...head, `Content-Length: ${Buffer.byteLength(body)}`, '', body].join('\r\n');

describe('the answer parser', () => {
  const parse = (text: string) => new AnswerParser().push(Buffer.from(text));

  it('reads the status, the length and the headers that a client needs, in any case', () => {
    const head = [
      'HTTP/1.1 503 Service Unavailable',
      'RETRY-AFTER: 7',
      'idempotency-replayed:true',
      'X-Request-Id: a:b',
      'Connection: Close',
    ];
    expect(parse(answerText(head, '{"a":1}'))).toEqual({
      status: 503,
      isReplay: true,
      retryAfterS: 7,
      isLast: true,
      body: '{"a":1}',
    });
  });

  it('reads an answer byte by byte, and the next one on the same connection', () => {
    const parser = new AnswerParser();
    for (const body of ['{"name":"Grüße 🎉"}', '', '[]']) {
      const bytes = Buffer.from(answerText(['HTTP/1.1 200 OK', 'A: b'], body));
      for (const byte of bytes.subarray(0, -1)) {
        expect(parser.push(Buffer.from([byte]))).toBeUndefined();
      }
      expect(parser.push(bytes.subarray(-1))).toMatchObject({ status: 200, body });
    }
  });

  it('skips interim answers', () => {
    const early = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n';
    expect(parse(early + answerText(['HTTP/1.1 200 OK'], 'x'))).toMatchObject({ body: 'x' });
    expect(parse(early)).toBeUndefined();
  });

  it('expects no body for statuses that never have one', () => {
    expect(parse('HTTP/1.1 204 No Content\r\n\r\n')).toMatchObject({ status: 204, body: '' });
    const cached = 'HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n';
    expect(parse(cached)).toMatchObject({ status: 304, body: '' });
  });

  it('knows that an HTTP/1.0 server closes the connection', () => {
    expect(parse(answerText(['HTTP/1.0 200 OK'], ''))).toMatchObject({ isLast: true });
    expect(parse(answerText(['HTTP/1.1 200 OK'], ''))).toMatchObject({ isLast: false });
  });

  it.each([
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 'transfer_encoding'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx', 'transfer_e'],
    ['HTTP/1.1 200 OK\r\n\r\nuntil it closes', 'length'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', 'length'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 0x10\r\n\r\n', 'length'],
    ['HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n', 'length'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n', 'too_long'],
    [`HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(7000)}`, 'too_long'],
    ['HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n', 'header'],
    ['HTTP/1.1 200 OK\r\nA: b\r\n folded: c\r\nContent-Length: 0\r\n\r\n', 'header'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy', 'surplus'],
    ['HTTP/1.1 101 Switching Protocols\r\n\r\n', 'status_line'],
    ['HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n', 'status_line'],
    ['HTTP/2 200\r\nContent-Length: 0\r\n\r\n', 'status_line'],
    ['SSH-2.0-OpenSSH', 'status_line'],
    ['\u0000\u0001\u0002', 'status_line'],
  ])('reports what it cannot understand: %j', (text, reason) => {
    expect(parse(text)).toContain(`unreadable_${reason}`);
  });
});

describe('an answer', () => {
  const answer = (status: number, body: unknown, more: Partial<Answer> = {}): Answer => ({
    ...{ status, isReplay: false, retryAfterS: undefined, ageS: undefined, isLast: false },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...more,
  });
  const claim = { claim_id: 'a', position: 3, claimed_at: '2026-01-02T03:04:05.000000Z' };
  const shown = { claimId: 'a', position: 3, claimedAt: claim.claimed_at };

  it('reads a stored claim, new or replayed', () => {
    const first = completionOf('claim', answer(200, claim));
    expect(first).toEqual({ type: 'ok', outcome: 'claimed', http: 200, ...shown });
    const again = completionOf('claim', answer(200, claim, { isReplay: true }));
    expect(again).toMatchObject({ type: 'ok', outcome: 'replayed' });
  });

  it('takes an answer with effect none for certain', () => {
    const held = { code: 'already_claimed', effect: 'none', claim };
    const expected = { type: 'fail', outcome: 'already_claimed', effect: 'none', http: 409 };
    expect(completionOf('claim', answer(409, held))).toEqual({ ...expected, ...shown });
    const shed = answer(503, { code: 'overloaded', effect: 'none' }, { retryAfterS: 2 });
    expect(completionOf('claim', shed)).toMatchObject({ type: 'fail', retryAfterS: 2 });
  });

  it('takes an answer with effect unknown for unknown, with the claim id that it names', () => {
    const body = { code: 'outcome_unknown', effect: 'unknown', claim_id: 'a' };
    expect(completionOf('claim', answer(503, body))).toEqual({
      ...{ type: 'info', outcome: 'outcome_unknown', effect: 'unknown', claimId: 'a', http: 503 },
    });
    expect(completionOf('claim', answer(500, { code: 'internal', effect: 'unknown' }))).toEqual({
      ...{ type: 'info', outcome: 'internal', effect: 'unknown', http: 500 },
    });
  });

  it.each([
    answer(502, '<html>Bad Gateway</html>'),
    answer(503, { code: 'overloaded' }),
    answer(503, { code: 'overloaded', effect: 'perhaps' }),
    answer(200, 'null'),
    answer(200, '[]'),
    answer(200, { message: 'coupon claimed' }),
    answer(302, ''),
  ])('takes an answer that violates the contract for unknown: %j', (one) => {
    const expected = { type: 'info', outcome: 'unreadable_body', effect: 'unknown' };
    expect(completionOf('claim', one)).toEqual({ ...expected, http: one.status });
  });

  it('reads the state of a claim and its times, of an answer to a change and of a refusal', () => {
    const times = { confirmed_at: 'then', redeemed_at: 'later', released_at: 'at last' };
    const body = { ...claim, state: 'redeemed', expires_at: 'soon', ...times };
    const read = { confirmedAt: 'then', redeemedAt: 'later', releasedAt: 'at last' };
    const state = { ...shown, state: 'redeemed', expiresAt: 'soon', ...read };
    expect(completionOf('redeem', answer(200, body))).toEqual({
      ...{ type: 'ok', outcome: 'redeemed', http: 200, ...state },
    });
    expect(completionOf('redeem', answer(200, body, { isReplay: true })).outcome).toBe('replayed');
    const refused = { code: 'already_redeemed', effect: 'none', claim: body };
    expect(completionOf('confirm', answer(409, refused))).toMatchObject(state);
    const missed = { code: 'claim_not_found', effect: 'none', last_claim: body };
    expect(completionOf('find_claim', answer(404, missed))).toMatchObject(state);
    expect(completionOf('confirm', answer(200, {})).outcome).toBe('unreadable_body');
  });

  it('reads a page of claims with their states and the cursor of the next page', () => {
    const claims = [{ ...claim, state: 'released' }];
    const page = completionOf('list_claims', answer(200, { claims, next_cursor: '3' }));
    expect(page).toMatchObject({ outcome: 'listed', listed: [['a', 'released']], nextCursor: '3' });
    const last = completionOf('list_claims', answer(200, { claims: [], next_cursor: null }));
    expect(last).toEqual({ type: 'ok', outcome: 'listed', http: 200, listed: [] });
    const stateless = completionOf('list_claims', answer(200, { claims: [claim] }));
    expect(stateless.outcome).toBe('unreadable_body');
  });

  it('reads the stock that a read shows', () => {
    const body = { name: 'c', amount: 5, remaining_amount: 2, claimed_by: ['a'] };
    const read = completionOf('read', answer(200, body));
    expect(read).toEqual({
      ...{ type: 'ok', outcome: 'read', http: 200, amount: 5, remainingAmount: 2 },
    });
    expect(completionOf('read', answer(200, body, { ageS: 3 }))).toEqual({ ...read, ageS: 3 });
  });

  it('puts each completion into exactly one class', () => {
    const outcomes = ['overloaded', 'sold_out', 'invalid_request', 'refused'];
    const classes = outcomes.map((outcome) => classOf('claim', { type: 'fail', outcome }));
    expect(classes).toEqual(['shed', 'refused', 'other', 'shed']);
    expect(classOf('claim', { type: 'ok', outcome: 'replayed' })).toBe('won');
    expect(classOf('read', { type: 'ok', outcome: 'read' })).toBe('other');
    expect(classOf('claim', { type: 'fail', outcome: 'not_sent' })).toBe('unsent');
    expect(classOf('read', { type: 'info', outcome: 'reset' })).toBe('unknown');
  });
});

describe('the answer to a call with many claims', () => {
  const won = { claim_id: 'a', position: 1, claimed_at: 't', state: 'confirmed' };
  const answered = (status: number, body: unknown) =>
    completionsOfBatch(
      {
        ...{ status, isReplay: false, retryAfterS: 7, ageS: undefined, isLast: false },
        body: JSON.stringify(body),
      },
      3,
    );

  it('is read result by result, as the answers of single claims', () => {
    const results = [
      { status: 200, ...won, replayed: true },
      { status: 503, code: 'overloaded', effect: 'none', retry_after: 2 },
      { status: 202, ticket_id: 'x' },
    ];
    const found = answered(200, { results });
    expect(found[0]).toMatchObject({ type: 'ok', outcome: 'replayed', http: 200, claimId: 'a' });
    expect(found[1]).toMatchObject({
      type: 'fail',
      outcome: 'overloaded',
      http: 503,
      retryAfterS: 2,
    });
    expect(found[2]).toEqual({ type: 'accepted', outcome: 'accepted', http: 202, ticketId: 'x' });
  });

  it('proves nothing where it has no result for each claim, or one that is none', () => {
    for (const body of [{}, { results: [] }, { results: [{ status: 200, ...won }] }, [], 'x']) {
      expect(answered(200, body).map(({ type }) => type)).toEqual(['info', 'info', 'info']);
    }
    const found = answered(200, { results: [null, {}, { status: 200, ...won }] });
    expect(found.map(({ type }) => type)).toEqual(['info', 'info', 'ok']);
  });

  it('is the answer of each claim where it is a problem of the call', () => {
    const found = answered(503, { code: 'overloaded', effect: 'none' });
    expect(found).toEqual(
      Array(3).fill({
        ...{ type: 'fail', outcome: 'overloaded', effect: 'none' },
        http: 503,
        retryAfterS: 7,
      }),
    );
  });
});

describe('a formatted request', () => {
  const { one: write, batch } = requestWriter({
    ...{ host: 'h:1', claimApiKey: 'c-key', adminApiKey: 'a-key', prefer: 'wait=1' },
  });
  const claim: ServiceRequest = {
    f: 'claim',
    coupon: 'Grüße "1"',
    user: 'u/1',
    key: 'k',
    attempt: 1,
  };

  it('formats a claim with the length of its body in bytes, its idempotency key and an API key', () => {
    const [head = '', body = ''] = write(claim).split('\r\n\r\n');
    expect(head.split('\r\n')).toEqual([
      'POST /api/coupons/claim HTTP/1.1',
      'Host: h:1',
      'Authorization: Bearer c-key',
      'Prefer: wait=1',
      'Content-Type: application/json',
      'Idempotency-Key: k',
      `Content-Length: ${Buffer.byteLength(body)}`,
    ]);
    expect(JSON.parse(body)).toEqual({ user_id: 'u/1', coupon_name: 'Grüße "1"' });
  });

  it('formats many claims as one call, each with its idempotency key', () => {
    const { key: _, ...keyless } = claim;
    const [head = '', body = ''] = batch([claim, { ...keyless, user: 'v' }]).split('\r\n\r\n');
    expect(head.split('\r\n')).toEqual([
      'POST /api/claims/batch HTTP/1.1',
      ...['Host: h:1', 'Authorization: Bearer c-key', 'Prefer: wait=1'],
      ...['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`],
    ]);
    const coupon_name = 'Grüße "1"';
    expect(JSON.parse(body)).toEqual({
      claims: [
        { coupon_name, user_id: 'u/1', idempotency_key: 'k' },
        { coupon_name, user_id: 'v' },
      ],
    });
  });

  it('omits a missing idempotency key, and encodes names in paths', () => {
    const { key: _, ...keyless } = claim;
    expect(write(keyless)).not.toContain('Idempotency-Key');
    const found = write({ ...claim, f: 'find_claim' });
    const path = '/api/coupons/Gr%C3%BC%C3%9Fe%20%221%22/claims/u%2F1';
    expect(found.startsWith(`GET ${path} HTTP/1.1\r\n`)).toBe(true);
    expect(found.endsWith('\r\n\r\n')).toBe(true);
  });

  it('formats a change of a claim with the claim that it names, or without one', () => {
    const { key: _, ...change } = { ...claim, f: 'confirm' as const };
    const [head = '', body = ''] = write({ ...change, claimId: 'a' }).split('\r\n\r\n');
    const path = '/api/coupons/Gr%C3%BC%C3%9Fe%20%221%22/claims/u%2F1/confirm';
    expect(head.startsWith(`POST ${path} HTTP/1.1\r\n`)).toBe(true);
    expect(head).toContain('Bearer c-key');
    expect(JSON.parse(body)).toEqual({ claim_id: 'a' });
    expect(write(change).endsWith('\r\n\r\n{}')).toBe(true);
    expect(write({ ...change, f: 'redeem', key: 'k' })).toContain('Idempotency-Key: k\r\n');
  });

  it('formats a list of the claims in all states with the cursor of its page', () => {
    const states = 'state=reserved&state=confirmed&state=redeemed&state=released';
    const list = write({ f: 'list_claims', coupon: 'c', cursor: '3', attempt: 1 });
    const path = `/api/coupons/c/claims?limit=1000&${states}&cursor=3`;
    expect(list.startsWith(`GET ${path} HTTP/1.1\r\n`)).toBe(true);
    expect(list).toContain('a-key');
  });

  it('sends the admin key only where it is needed, and no key with a read', () => {
    expect(write({ f: 'add_stock', coupon: 'c', units: 2, attempt: 1 })).toContain('a-key');
    expect(write({ f: 'create', coupon: 'c', units: 2, attempt: 1 })).toContain('a-key');
    expect(write(claim)).not.toContain('a-key');
    expect(write({ f: 'read', coupon: 'c', attempt: 1 })).not.toContain('Authorization');
  });

  it('formats the age that a read accepts', () => {
    const read: ServiceRequest = { f: 'read', coupon: 'c', attempt: 1 };
    expect(write(read)).not.toContain('Cache-Control');
    expect(write({ ...read, maxAgeS: 2 })).toContain('\r\nCache-Control: max-age=2\r\n\r\n');
    expect(write({ ...read, maxAgeS: 0 })).toContain('max-age=0');
  });
});
