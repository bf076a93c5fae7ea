// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Answer, AnswerParser } from '../../src/proof/drill/answer-parser.ts';
import { classOf, completionOf } from '../../src/proof/drill/completion.ts';
import { DelayQueue } from '../../src/proof/drill/delay-queue.ts';
import { Histogram } from '../../src/proof/drill/histogram.ts';
import { HistoryWriter } from '../../src/proof/drill/history-writer.ts';
import { Random } from '../../src/proof/drill/random.ts';
import { requestWriter, type ServiceRequest } from '../../src/proof/drill/request.ts';
import { flawsOf, readHistory } from '../support/drill-history.ts';

const folder = mkdtempSync(join(tmpdir(), 'firstcome-drill-parts-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const answerText = (head: string[], body: string) =>
  [...head, `Content-Length: ${Buffer.byteLength(body)}`, '', body].join('\r\n');

describe('the parser', () => {
  const parse = (text: string) => new AnswerParser().push(Buffer.from(text));

  it('reads status, length and the headers that a client needs, in any case', () => {
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

  it('reads an answer that comes byte by byte, and the next one on the same connection', () => {
    const parser = new AnswerParser();
    for (const body of ['{"name":"Grüße 🎉"}', '', '[]']) {
      const bytes = Buffer.from(answerText(['HTTP/1.1 200 OK', 'A: b'], body));
      for (const byte of bytes.subarray(0, -1)) {
        expect(parser.push(Buffer.from([byte]))).toBeUndefined();
      }
      expect(parser.push(bytes.subarray(-1))).toMatchObject({ status: 200, body });
    }
  });

  it('passes over answers that only announce another', () => {
    const early = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n';
    expect(parse(early + answerText(['HTTP/1.1 200 OK'], 'x'))).toMatchObject({ body: 'x' });
    expect(parse(early)).toBeUndefined();
  });

  it('expects no body where there is never one', () => {
    expect(parse('HTTP/1.1 204 No Content\r\n\r\n')).toMatchObject({ status: 204, body: '' });
    const cached = 'HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n';
    expect(parse(cached)).toMatchObject({ status: 304, body: '' });
  });

  it('tells that an HTTP/1.0 server closes', () => {
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
  ])('says what it does not understand: %j', (text, reason) => {
    expect(parse(text)).toContain(`unreadable_${reason}`);
  });
});

describe('what an answer means', () => {
  const answer = (status: number, body: unknown, more: Partial<Answer> = {}): Answer => ({
    ...{ status, isReplay: false, retryAfterS: undefined, isLast: false },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...more,
  });
  const claim = { claim_id: 'a', position: 3, claimed_at: '2026-01-02T03:04:05.000000Z' };
  const told = { claimId: 'a', position: 3, claimedAt: claim.claimed_at };

  it('is a claim that is stored, told for the first time or again', () => {
    const first = completionOf('claim', answer(200, claim));
    expect(first).toEqual({ type: 'ok', outcome: 'claimed', http: 200, ...told });
    const again = completionOf('claim', answer(200, claim, { isReplay: true }));
    expect(again).toMatchObject({ type: 'ok', outcome: 'replayed' });
  });

  it('is certain where the answer says that nothing has changed', () => {
    const held = { code: 'already_claimed', effect: 'none', claim };
    const expected = { type: 'fail', outcome: 'already_claimed', effect: 'none', http: 409 };
    expect(completionOf('claim', answer(409, held))).toEqual({ ...expected, ...told });
    const shed = answer(503, { code: 'overloaded', effect: 'none' }, { retryAfterS: 2 });
    expect(completionOf('claim', shed)).toMatchObject({ type: 'fail', retryAfterS: 2 });
  });

  it('is unknown where the answer says so, with the claim that it names', () => {
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
  ])('is unknown where it does not keep to the contract: %j', (one) => {
    const expected = { type: 'info', outcome: 'unreadable_body', effect: 'unknown' };
    expect(completionOf('claim', one)).toEqual({ ...expected, http: one.status });
  });

  it('is what a read has shown', () => {
    const body = { name: 'c', amount: 5, remaining_amount: 2, claimed_by: ['a'] };
    const read = completionOf('read', answer(200, body));
    expect(read).toEqual({
      ...{ type: 'ok', outcome: 'read', http: 200, amount: 5, remainingAmount: 2 },
    });
  });

  it('belongs to one class', () => {
    const outcomes = ['overloaded', 'sold_out', 'invalid_request', 'refused'];
    const classes = outcomes.map((outcome) => classOf('claim', { type: 'fail', outcome }));
    expect(classes).toEqual(['shed', 'refused', 'other', 'shed']);
    expect(classOf('claim', { type: 'ok', outcome: 'replayed' })).toBe('won');
    expect(classOf('read', { type: 'ok', outcome: 'read' })).toBe('other');
    expect(classOf('claim', { type: 'fail', outcome: 'not_sent' })).toBe('unsent');
    expect(classOf('read', { type: 'info', outcome: 'reset' })).toBe('unknown');
  });
});

describe('a request', () => {
  const write = requestWriter({ host: 'h:1', claimApiKey: 'c-key', adminApiKey: 'a-key' });
  const claim: ServiceRequest = {
    f: 'claim',
    coupon: 'Grüße "1"',
    user: 'u/1',
    key: 'k',
    attempt: 1,
  };

  it('carries the body with its length in bytes, the key and who requests', () => {
    const [head = '', body = ''] = write(claim).split('\r\n\r\n');
    expect(head.split('\r\n')).toEqual([
      'POST /api/coupons/claim HTTP/1.1',
      'Host: h:1',
      'Authorization: Bearer c-key',
      'Content-Type: application/json',
      'Idempotency-Key: k',
      `Content-Length: ${Buffer.byteLength(body)}`,
    ]);
    expect(JSON.parse(body)).toEqual({ user_id: 'u/1', coupon_name: 'Grüße "1"' });
  });

  it('has no key where none was given, and names in paths encoded', () => {
    const { key: _, ...keyless } = claim;
    expect(write(keyless)).not.toContain('Idempotency-Key');
    const found = write({ ...claim, f: 'find_claim' });
    const path = '/api/coupons/Gr%C3%BC%C3%9Fe%20%221%22/claims/u%2F1';
    expect(found.startsWith(`GET ${path} HTTP/1.1\r\n`)).toBe(true);
    expect(found.endsWith('\r\n\r\n')).toBe(true);
  });

  it('shows the admin key to what needs it only, and no key to a read', () => {
    expect(write({ f: 'add_stock', coupon: 'c', units: 2, attempt: 1 })).toContain('a-key');
    expect(write({ f: 'create', coupon: 'c', units: 2, attempt: 1 })).toContain('a-key');
    expect(write(claim)).not.toContain('a-key');
    expect(write({ f: 'read', coupon: 'c', attempt: 1 })).not.toContain('Authorization');
  });
});

describe('the histogram', () => {
  it('tells percentiles at most a 64th too high, over all magnitudes', () => {
    const histogram = new Histogram();
    const values = Array.from({ length: 5000 }, (_, index) => 0.01 * 1.003 ** index);
    for (const value of values) histogram.add(value);
    for (const percent of [1, 25, 50, 90, 99, 99.9]) {
      const exact = values[Math.ceil((percent / 100) * values.length) - 1] ?? 0;
      const told = histogram.percentileMs(percent);
      if (exact > 890_000) continue;
      expect(told).toBeGreaterThanOrEqual(exact - 0.0005);
      expect(told).toBeLessThanOrEqual(exact * (1 + 1 / 64) + 0.001);
    }
    expect(histogram.percentileMs(100)).toBe(values.at(-1));
  });

  it('knows nothing when nothing was added, and again after it was cleared', () => {
    const histogram = new Histogram();
    expect(histogram.percentiles()).toEqual({ count: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 });
    histogram.add(5);
    histogram.clear();
    expect(histogram.curve()).toEqual([]);
    expect(histogram.count).toBe(0);
  });

  it('draws a curve that never falls and ends with the longest', () => {
    const histogram = new Histogram();
    for (let ms = 1; ms <= 1000; ms += 1) histogram.add(ms);
    const curve = histogram.curve();
    expect(curve.at(-1)).toEqual([100, 1000]);
    const durations = curve.map(([, ms]) => ms);
    expect(durations).toEqual([...durations].sort((one, other) => one - other));
  });
});

describe('the history', () => {
  const node = 'http://127.0.0.1:1';
  const head = {
    ...{ scenario: 'flash-sale', seed: 1, nodes: [node], started_at: '2026-01-02T03:04:05Z' },
    ...{ history: 'firstcome', version: 1, options: { users: 1 } },
  };
  const open = (name: string) => {
    let ms = 0;
    const now = () => {
      ms += 0.123456;
      return ms;
    };
    const file = join(folder, name);
    const writer = new HistoryWriter(file, head as never, now);
    writer.open();
    return { file, writer };
  };
  const claim: ServiceRequest = { f: 'claim', coupon: 'c"\\\n', user: 'ü🎉', key: 'k', attempt: 2 };

  it('is one JSON object a line: the head, then events as the contract has them', () => {
    const { file, writer } = open('members.jsonl');
    const create: ServiceRequest = {
      f: 'create',
      coupon: 'c',
      units: 3,
      attempt: 1,
      opensAt: 'then',
    };
    writer.complete(writer.invoke(0, 0, create), { type: 'ok', outcome: 'created', http: 201 });
    writer.complete(writer.invoke(1, 0, claim), {
      ...{ type: 'info', outcome: 'outcome_unknown', http: 503, effect: 'unknown', claimId: 'x' },
      ...{ retryAfterS: 1, position: 4, claimedAt: 'now', amount: 9, remainingAmount: 8 },
    });
    writer.close();
    const read = readHistory(file);
    expect(read.head).toEqual(head);
    const same = { node, f: 'claim', coupon: 'c"\\\n', user: 'ü🎉', key: 'k', attempt: 2 };
    expect(read.events).toEqual([
      {
        ...{ i: 0, t_ms: 0.123, type: 'invoke', op: 0, proc: 0, node, f: 'create', coupon: 'c' },
        ...{ attempt: 1, units: 3, opens_at: 'then', closes_at: null },
      },
      {
        ...{ i: 1, t_ms: 0.247, type: 'ok', op: 0, proc: 0, node, f: 'create', coupon: 'c' },
        ...{ attempt: 1, units: 3, http: 201, outcome: 'created' },
      },
      { i: 2, t_ms: 0.37, type: 'invoke', op: 1, proc: 1, ...same },
      {
        ...{ i: 3, t_ms: 0.494, type: 'info', op: 1, proc: 1, ...same, http: 503 },
        ...{ outcome: 'outcome_unknown', effect: 'unknown', claim_id: 'x', position: 4 },
        ...{ claimed_at: 'now', retry_after_s: 1, amount: 9, remaining_amount: 8 },
      },
    ]);
  });

  it('has no gap and no event out of order, however many there are', () => {
    const { file, writer } = open('many.jsonl');
    for (let round = 0; round < 5000; round += 1) {
      const operations = [0, 1, 2].map((proc) => writer.invoke(proc, 0, claim));
      for (const operation of operations.reverse()) {
        writer.complete(operation, { type: 'fail', outcome: 'sold_out', effect: 'none' });
      }
    }
    expect(writer.events).toBe(30_000);
    expect(writer.operations).toBe(15_000);
    writer.close();
    writer.close();
    const { events } = readHistory(file);
    expect(events).toHaveLength(30_000);
    expect(flawsOf(events)).toEqual([]);
  });

  it('can be read up to the last flush while it is written', () => {
    const { file, writer } = open('flushed.jsonl');
    writer.invoke(0, 0, claim);
    writer.flush();
    expect(readHistory(file).events).toHaveLength(1);
    writer.close();
  });
});

describe('the line of what falls due', () => {
  it('gives things out in the order of their time, equal ones as they came', () => {
    const random = new Random(7);
    const line = new DelayQueue<{ dueMs: number; count: number }>();
    const all = Array.from({ length: 1000 }, (_, count) => ({ dueMs: random.below(200), count }));
    for (const one of all) line.add(one.dueMs, one);
    expect(line.size).toBe(1000);
    const taken: typeof all = [];
    for (let ms = 0; ms < 200; ms += 1) {
      for (let one = line.takeDue(ms); one !== undefined; one = line.takeDue(ms)) taken.push(one);
      expect(line.firstDueMs ?? ms + 1).toBeGreaterThan(ms);
    }
    expect(taken).toEqual(all.sort((a, b) => a.dueMs - b.dueMs || a.count - b.count));
    expect(line.size).toBe(0);
  });

  it('keeps what is not due, and forgets all when told to', () => {
    const line = new DelayQueue<string>();
    line.add(10, 'a');
    expect(line.takeDue(9)).toBeUndefined();
    expect(line.takeDue(10)).toBe('a');
    line.add(10, 'b');
    line.clear();
    expect([line.size, line.takeDue(99)]).toEqual([0, undefined]);
  });
});
