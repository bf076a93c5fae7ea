// SPDX-License-Identifier: GPL-3.0-or-later
import { afterEach, describe, expect, it } from 'vitest';
import { VirtualTime } from '../../test/support/virtual-time.ts';
import { FirstcomeClient } from './firstcome-client.ts';

type Sent = { url: string; lastEventId: string | null; signal: AbortSignal };

/** A client whose requests get these answers in turn. */
function setup(answers: (Response | Error)[]) {
  const time = new VirtualTime();
  time.install();
  const sent: Sent[] = [];
  const send = async (input: unknown, init: RequestInit = {}) => {
    const lastEventId = new Headers(init.headers).get('last-event-id');
    sent.push({ url: String(input), lastEventId, signal: init.signal as AbortSignal });
    const answer = answers[sent.length - 1];
    if (answer === undefined) throw new Error('no answer is left');
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const client = new FirstcomeClient({
    ...{ url: 'http://service.example', fetch: send as typeof fetch, timeoutMs: 5000 },
  });
  return { time, sent, client };
}

const json = (status: number, body: unknown) =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });

/** A body that arrives in these parts, and then ends, breaks or stays open. */
function parts(texts: string[], end: 'ends' | 'breaks' | 'stays' = 'ends'): Response {
  const left = texts.map((text) => new TextEncoder().encode(text));
  const body = new ReadableStream({
    pull(controller) {
      const part = left.shift();
      if (part !== undefined) controller.enqueue(part);
      else if (end === 'ends') controller.close();
      else if (end === 'breaks') controller.error(new Error('broken'));
      else return new Promise(() => undefined);
      return undefined;
    },
  });
  return new Response(body);
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const read: Item[] = [];
  for await (const item of items) read.push(item);
  return read;
}

afterEach(() => VirtualTime.restore());

describe('an iterator over pages', () => {
  it('reads page after page, a lost one again, and empty ones too', async () => {
    const page = (claims: unknown[], next_cursor: string | null) =>
      json(200, { claims, next_cursor });
    const lost = new TypeError('fetch failed');
    const answers = [page([1, 2], 'a'), lost, page([], 'b'), page([3], null)];
    const { time, sent, client } = setup(answers);
    const claims = client.eachClaim({ coupon_name: 'A', limit: 2 });
    expect(await time.result(all(claims))).toEqual([1, 2, 3]);
    const path = 'http://service.example/api/coupons/A/claims?limit=2';
    expect(sent.map(({ url }) => url)).toEqual([
      ...[path, `${path}&cursor=a`, `${path}&cursor=a`, `${path}&cursor=b`],
    ]);
  });

  it('throws what refuses a page', async () => {
    const problem = {
      code: 'coupon_not_found',
      effect: 'none',
      status: 404,
      detail: 'no such coupon',
    };
    const { time, client } = setup([json(404, problem)]);
    await expect(time.result(all(client.eachClaim({ coupon_name: 'A' })))).rejects.toMatchObject({
      ...{ name: 'FirstcomeError', status: 404, result: { outcome: 'coupon_not_found' } },
    });
  });
});

describe('an export', () => {
  it('yields the claims as their lines arrive', async () => {
    const { time, client } = setup([parts(['{"position":1}\n{"posi', 'tion":2}\n'])]);
    const claims = await time.result(all(client.exportClaims({ coupon_name: 'A' })));
    expect(claims).toEqual([{ position: 1 }, { position: 2 }]);
  });

  it.each([
    ['breaks', parts(['{"position":1}\n'], 'breaks')],
    ['ends within a line', parts(['{"position":1}\n{"posi'])],
    ['stays silent', parts(['{"position":1}\n'], 'stays')],
  ])('that %s throws, so that it does not look complete', async (_name, answer) => {
    const { time, client } = setup([answer]);
    await expect(time.result(all(client.exportClaims({ coupon_name: 'A' })))).rejects.toThrow();
  });

  it('closes its connection when its caller stops early', async () => {
    const { time, sent, client } = setup([parts(['{"position":1}\n'], 'stays')]);
    const claims = client.exportClaims({ coupon_name: 'A' });
    expect(await time.result(claims.next())).toMatchObject({ value: { position: 1 } });
    await claims.return?.();
    expect(sent[0]?.signal.aborted).toBe(true);
  });
});

describe('an event stream', () => {
  const event = (id: string, data: object) =>
    `id: ${id}\nevent: stock\ndata: ${JSON.stringify(data)}\n\n`;

  it('goes on after the last event when it breaks, ends or is silent', async () => {
    const { time, sent, client } = setup([
      parts(['retry: 1000\n', event('1', { claimed: 1 }), ':\n\n', 'id: 2\ndata: {'], 'breaks'),
      new TypeError('fetch failed'),
      parts([event('3', { claimed: 3 })]),
      parts([], 'stays'),
      parts([event('4', { claimed: 4 })], 'stays'),
    ]);
    const events = client.streamStock({ name: 'A' });
    const read: unknown[] = [];
    const readThree = async () => {
      for await (const stock of events) {
        read.push(stock.claimed);
        if (read.length === 3) return;
      }
    };
    await time.result(readThree());
    expect(read).toEqual([1, 3, 4]);
    expect(sent.map(({ lastEventId }) => lastEventId)).toEqual([null, '1', '1', '3', '3']);
    expect(time.nowMs).toBeGreaterThanOrEqual(45_000 + 2 * 1000);
    expect(sent[4]?.signal.aborted).toBe(true);
  });

  it('of a ticket ends with the final state, or where it has it already', async () => {
    const { time, client } = setup([
      parts(
        [event('accepted', { state: 'accepted' }), event('decided', { state: 'decided' })],
        'stays',
      ),
      parts([event('accepted', { state: 'accepted' })]),
      new Response(null, { status: 204 }),
    ]);
    const states = async () =>
      (await all(client.streamTicket({ ticket_id: 'T' }))).map(({ state }) => state);
    expect(await time.result(states())).toEqual(['accepted', 'decided']);
    expect(await time.result(states())).toEqual(['accepted']);
  });

  it('rejects with the reason of its signal', async () => {
    const controller = new AbortController();
    const { time, client } = setup([parts([event('1', {})], 'stays')]);
    const events = client.streamStock({ name: 'A' }, { signal: controller.signal });
    await time.result(events.next());
    time.after(10, () => controller.abort(new Error('enough')));
    await expect(time.result(events.next())).rejects.toThrow('enough');
  });
});
