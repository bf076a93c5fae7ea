// SPDX-License-Identifier: GPL-3.0-or-later
import { afterEach, describe, expect, it } from 'vitest';
import { VirtualTime } from '../../test/support/virtual-time.ts';
import { FirstcomeError } from './errors.ts';
import { FirstcomeClient } from './firstcome-client.ts';
import type { ClientOptions } from './options.ts';

type Sent = { url: string; init: RequestInit; headers: Headers };

const url = 'https://service.example/below/';
const claimBody = { claim_id: 'c', coupon_name: 'LAUNCH', user_id: 'ada' };

/** A client whose requests get these answers in turn, the last one again and again. */
function setup(
  answers: (() => Response | Promise<Response>)[],
  options: Partial<ClientOptions> = {},
) {
  const time = new VirtualTime();
  time.install();
  const sent: Sent[] = [];
  const send = async (input: unknown, init: RequestInit = {}) => {
    sent.push({ url: String(input), init, headers: new Headers(init.headers) });
    const answer = answers[Math.min(sent.length, answers.length) - 1];
    return await (answer as () => Response)();
  };
  const client = new FirstcomeClient({ url, fetch: send as typeof fetch, ...options });
  return { time, sent, client };
}

const respond =
  (status: number, body: string, type = 'application/json') =>
  () =>
    new Response(status === 204 ? null : body, { status, headers: { 'content-type': type } });
const json = (status: number, body: unknown) => respond(status, JSON.stringify(body));
const problem = (status: number, code: string, effect = 'none') =>
  json(status, { code, effect, status, detail: 'why' });
const claim = { coupon_name: 'LAUNCH', user_id: 'ada' };

afterEach(() => VirtualTime.restore());

describe('a request', () => {
  it('goes below the path of the URL, with the key, and follows no redirect', async () => {
    const { time, sent, client } = setup([json(200, claimBody)], { key: 'secret' });
    const result = await time.result(client.claim(claim, { headers: { prefer: 'wait=1' } }));
    expect(result).toMatchObject({ outcome: 'claimed', claim: claimBody, replayed: false });
    const [{ url, init, headers }] = sent as [Sent];
    expect(url).toBe('https://service.example/below/api/coupons/claim');
    expect(init).toMatchObject({ redirect: 'manual', credentials: 'omit', method: 'POST' });
    expect(headers.get('authorization')).toBe('Bearer secret');
    expect(headers.get('prefer')).toBe('wait=1');
    expect(headers.get('idempotency-key')).toMatch(/^[0-9a-f-]{36}-\d+$/);
  });

  it('asks a function for its key before each attempt', async () => {
    let calls = 0;
    const { time, sent, client } = setup([problem(503, 'unavailable'), json(200, claimBody)], {
      key: async () => `token-${++calls}`,
    });
    await time.result(client.claim(claim));
    expect(sent.map(({ headers }) => headers.get('authorization'))).toEqual([
      'Bearer token-1',
      'Bearer token-2',
    ]);
  });

  it('may use a session of the console only where there is no key', async () => {
    const { time, sent, client } = setup([json(200, { coupons: [], next_cursor: null })]);
    await time.result(client.listCoupons());
    expect(sent[0]?.init.credentials).toBe('same-origin');
  });

  it('has the members of path, query and body in their places', async () => {
    const { time, sent, client } = setup([json(200, {})]);
    const claim_id = 'c';
    await time.result(
      client.releaseClaim({ coupon_name: 'a/b', user_id: 'ä', claim_id, reason: 'r' }),
    );
    await time.result(client.listUserClaims({ user_id: 'a b', state: ['reserved', 'redeemed'] }));
    await time.result(client.deleteWebhook({ id: 'w' }));
    expect(sent.map(({ url }) => url.slice('https://service.example/below'.length))).toEqual([
      '/api/coupons/a%2Fb/claims/%C3%A4/release',
      '/api/claims?user_id=a+b&state=reserved&state=redeemed',
      '/api/webhooks/w',
    ]);
    expect(sent.map(({ init }) => init.body)).toEqual([
      '{"claim_id":"c","reason":"r"}',
      null,
      null,
    ]);
  });

  it('is not sent for a name that would lead to another path', async () => {
    const { time, sent, client } = setup([json(200, {})]);
    for (const name of ['', '.', '..', '\ud800']) {
      const result = await time.result(client.readCoupon({ name }));
      expect(result).toMatchObject({ outcome: 'invalid_request', status: 400 });
    }
    expect(sent).toEqual([]);
  });
});

describe('the answer', () => {
  it.each([
    ['a redirect', respond(307, '', 'text/html')],
    ['a page', respond(200, '<html>', 'text/html')],
    ['a refusal of a proxy', respond(403, '<html>', 'text/html')],
    ['the error of another API', json(404, { message: 'no Route matched' })],
  ])('of something else than the service rejects the call: %s', async (_name, answer) => {
    const { time, sent, client } = setup([answer]);
    await expect(time.result(client.claim(claim))).rejects.toThrow(FirstcomeError);
    expect(sent).toHaveLength(1);
  });

  it('of a gateway that has lost the service is repeated', async () => {
    const page = (status: number) => respond(status, '<html>', 'text/html');
    const answers = [page(502), page(500), page(504), page(429), json(200, claimBody)];
    const { time, sent, client } = setup(answers);
    expect(await time.result(client.claim(claim))).toMatchObject({ outcome: 'claimed' });
    expect(sent).toHaveLength(5);
  });

  it('that may hide a change is unknown, with the id that an earlier answer named', async () => {
    const named = json(503, { code: 'outcome_unknown', effect: 'unknown', claim_id: 'named' });
    const { time, client } = setup([
      named,
      problem(429, 'rate_limited'),
      problem(401, 'unauthorized'),
    ]);
    const result = await time.result(client.claim(claim, { idempotencyKey: 'mine' }));
    expect(result).toMatchObject({
      outcome: 'unknown',
      idempotency_key: 'mine',
      claim_id: 'named',
    });
  });

  it('of a health check is a value, also while the service is unhealthy', async () => {
    const { time, client } = setup([json(503, { status: 'unhealthy' })]);
    const result = await time.result(client.readHealth());
    expect(result).toMatchObject({ outcome: 'ok', status: 503, value: { status: 'unhealthy' } });
  });

  it('that never came is unavailable for a read, and for what was never sent', async () => {
    const refused = () => {
      throw new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED', message: 'refused' } });
    };
    const lost = () => {
      throw new TypeError('fetch failed');
    };
    const created = setup([refused]);
    const coupon = { name: 'LAUNCH', amount: 1 };
    const refusal = await created.time.result(created.client.createCoupon(coupon));
    expect(refusal).toMatchObject({ outcome: 'unavailable', problem: { effect: 'none' } });
    expect(created.sent.length).toBeGreaterThan(3);
    const read = setup([lost]);
    expect((await read.time.result(read.client.readCoupon({ name: 'A' }))).outcome).toBe(
      'unavailable',
    );
    const changed = setup([lost]);
    const change = changed.client.changeCoupon({ name: 'LAUNCH', paused: true });
    expect((await changed.time.result(change)).outcome).toBe('unknown');
    expect(changed.sent).toHaveLength(1);
  });

  it('to a confirm, a release and a redeem that was lost is asked for again', async () => {
    for (const name of ['confirmClaim', 'releaseClaim', 'redeemClaim'] as const) {
      const { time, sent, client } = setup([respond(200, '{"clai'), json(200, claimBody)]);
      const result = await time.result(client[name]({ ...claim, claim_id: 'c' }));
      expect(result).toMatchObject({ outcome: 'ok', value: claimBody });
      const keys = sent.map(({ headers }) => headers.get('idempotency-key'));
      expect(keys[0]).toBe(keys[1]);
      expect(typeof keys[0]).toBe(name === 'redeemClaim' ? 'string' : 'object');
    }
  });
});

describe('a call', () => {
  it('rejects with the reason of its signal, and closes the request', async () => {
    const controller = new AbortController();
    const { time, sent, client } = setup([() => new Promise<Response>(() => undefined)]);
    const call = client.claim(claim, { signal: controller.signal });
    time.after(50, () => controller.abort(new Error('enough')));
    await expect(time.result(call)).rejects.toThrow('enough');
    expect(time.nowMs).toBe(50);
    expect(sent[0]?.init.signal?.aborted).toBe(true);
    await expect(client.claim(claim, { signal: controller.signal })).rejects.toThrow('enough');
    expect(sent).toHaveLength(1);
  });

  it('rejects a wrong option', async () => {
    const { client } = setup([json(200, claimBody)]);
    expect(() => client.claim(claim, { timeoutMs: 0 })).toThrow(TypeError);
    expect(() => client.claim(claim, { timeoutMs: Number.NaN })).toThrow(TypeError);
    await expect(client.claim(claim, { headers: { 'a b': 'c' } })).rejects.toThrow(TypeError);
  });

  it.each([
    { url: 'service.example' },
    { url: 'ftp://service.example' },
    { url: 'http://user@service.example' },
    { url: 'http://service.example?a' },
    { url, connections: 0 },
    { url, timeoutMs: 2 ** 31 },
  ])('needs a client with valid options: %o', (options) => {
    expect(() => new FirstcomeClient(options)).toThrow(TypeError);
  });
});

describe('the retry budget', () => {
  it('keeps an outage from multiplying the load, and lets all calls go on after it', async () => {
    let isOut = true;
    const answer = () => (isOut ? problem(503, 'unavailable') : json(200, claimBody))();
    const { time, sent, client } = setup([answer]);
    const calls = Array.from({ length: 200 }, () => client.claim(claim, { timeoutMs: 60_000 }));
    time.after(10_000, () => {
      // The calls, the first hundred repeats, and ten a second.
      expect(sent.length).toBeLessThanOrEqual(200 + 100 + 100 + 1);
      isOut = false;
    });
    const ends = await time.ends(calls);
    expect(ends.every((end) => 'result' in end && end.result.outcome === 'claimed')).toBe(true);
    expect(Math.max(...ends.map(({ atMs }) => atMs))).toBeLessThan(20_000);
  });
});
