// SPDX-License-Identifier: GPL-3.0-or-later
import { request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { type ClaimRequest, Crowd, range } from '../support/crowd.ts';
import { EventClient } from '../support/event-client.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { OtlpReceiver, type ReceivedSpan, spanKinds } from '../support/otlp-receiver.ts';
import { patience, startService } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const couponName = 'LAUNCH';
const claimRoute = 'POST /api/coupons/claim';

let database: TestDatabase;
let proxy: FaultProxy;
let receiver: OtlpReceiver;
let app: App;
let crowd: Crowd;

beforeEach(async () => {
  database = await createTestDatabase();
  proxy = await FaultProxy.before(database.url);
  receiver = await OtlpReceiver.start();
  app = await startService({
    DATABASE_URL: proxy.urlOf(database.url),
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    ...patience,
    DATABASE_LOCK_TIMEOUT_MS: '1500',
    // While it is occupied, claims wait.
    DATABASE_CLAIM_CONNECTIONS: '1',
  });
  crowd = new Crowd();
  await crowd.createCoupon(app.url, couponName, 20);
});

afterEach(async () => {
  crowd.close();
  await app.stop();
  await proxy.stop();
  await receiver.stop();
  await database.drop();
});

/** Stops the service, which sends all spans that are left, and returns what the collector has. */
async function stopAndReadTraces(): Promise<OtlpReceiver> {
  crowd.close();
  await app.stop();
  return receiver;
}

function claim(
  userId: string,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(`${app.url}/api/coupons/claim`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ coupon_name: couponName, user_id: userId }),
    ...(signal !== undefined && { signal }),
  });
}

/** Holds the answer to the first statement with claims until `proxy.release`. */
function holdFirstAnswer(): void {
  let isHeld = false;
  proxy.cutWhen = (piece) => {
    if (isHeld || !/claim-(?:batch|multi-coupon)/.test(piece.toString('latin1'))) return undefined;
    isHeld = true;
    return 'hold';
  };
}

/** Sends these claims, and holds every answer until all of them wait. */
async function claimTogether(claims: ClaimRequest[]): Promise<void> {
  holdFirstAnswer();
  const answers = claims.map((one) => crowd.claim(app.url, one));
  await waitFor('claims that wait', async () => {
    const { body } = await crowd.send(app.url, { path: '/metrics' });
    const areWaiting = String(body).includes(`\nfirstcome_claims_waiting ${claims.length}\n`);
    // All claims may wait before the first statement has reached the proxy: its connection opens first.
    return areWaiting && proxy.held.length > 0;
  });
  proxy.release();
  await Promise.all(answers);
}

// All spans of a process have one clock, which never goes back.
const within = (outer: ReceivedSpan, inner: ReceivedSpan) =>
  outer.startMs <= inner.startMs && inner.endMs <= outer.endMs;

describe('the trace of a change of a claim', () => {
  it('has its wait in the lane, its outcome and a link to its batch, as that of a claim', async () => {
    await crowd.claim(app.url, { couponName, userId: 'ada' });
    const path = `/api/coupons/${couponName}/claims/ada/redeem`;
    await crowd.send(app.url, { method: 'POST', path, body: {} });
    const { spans } = await stopAndReadTraces();
    const request = spans.find(({ name }) => name.endsWith('/redeem'));
    const wait = spans.find(
      ({ name, parentSpanId }) => name === 'wait in lane' && parentSpanId === request?.spanId,
    );
    const batch = spans.find(({ spanId }) => spanId === request?.links[0]?.spanId);
    expect(request?.attributes['firstcome.claim.outcome']).toBe('changed');
    expect(request && wait && within(request, wait)).toBe(true);
    expect(batch).toMatchObject({
      ...{ name: 'claim batch', attributes: { 'firstcome.batch.claims': 1 } },
    });
    expect(batch?.links.map(({ spanId }) => spanId)).toEqual([request?.spanId]);
  });
});

describe('the trace of many claims in one call', () => {
  it('is one span with the number of each outcome, linked once to each batch', async () => {
    await crowd.createCoupon(app.url, 'another', 1);
    const claims = range(30).map((index) => ({
      coupon_name: index < 25 ? couponName : 'another',
      user_id: `user-${index}`,
    }));
    const body = JSON.stringify({ claims: [...claims, {}] });
    const { status } = await fetch(`${app.url}/api/claims/batch`, { method: 'POST', body });
    expect(status).toBe(200);
    const { spans } = await stopAndReadTraces();
    const request = spans.find(({ name }) => name === 'POST /api/claims/batch');
    const batches = spans.filter(({ name }) => name === 'claim batch');
    expect(request?.attributes).toMatchObject({
      ...{ 'firstcome.call.claims': 31, 'firstcome.call.claims.claimed': 21 },
      'firstcome.call.claims.sold_out': 9,
    });
    expect(request?.attributes).not.toHaveProperty('firstcome.claim.outcome');
    expect(spans.filter(({ name }) => name === 'wait in lane')).toEqual([]);
    expect(batches.map(({ spanId }) => spanId).sort()).toEqual(
      request?.links.map(({ spanId }) => spanId).sort(),
    );
    for (const { links } of batches) {
      expect(links.map(({ spanId }) => spanId)).toEqual([request?.spanId]);
    }
  });
});

describe('the traces of a crowd', () => {
  it('have a span for each request, linked to the batch that decided it, and contain no value', async () => {
    await Promise.all(
      range(50).map((index) =>
        crowd.claim(app.url, { couponName, userId: `secret-user-${index}` }),
      ),
    );
    const { spans, text } = await stopAndReadTraces();
    const requests = spans.filter(({ name }) => name === claimRoute);
    const batches = spans.filter(({ name }) => name === 'claim batch');
    const waits = spans.filter(({ name }) => name === 'wait in lane');
    expect(requests).toHaveLength(50);
    expect(waits.length).toBeGreaterThan(20);
    expect(batches.length).toBeLessThan(waits.length);
    for (const wait of waits) {
      const request = requests.find(({ spanId }) => spanId === wait.parentSpanId);
      const batch = batches.find(({ spanId }) => spanId === request?.links[0]?.spanId);
      expect(request?.links).toHaveLength(1);
      expect(batch?.links.map(({ spanId }) => spanId)).toContain(request?.spanId);
      expect(batch?.parentSpanId).toBeUndefined();
      expect(batch?.traceId).not.toBe(request?.traceId);
      expect(request && within(request, wait)).toBe(true);
      // The wait ends when the batch is sent, before the answer.
      expect(batch?.startMs).toBeLessThanOrEqual(wait.endMs);
      expect(batch?.endMs).toBeGreaterThanOrEqual(wait.endMs);
      expect(request?.endMs).toBeGreaterThanOrEqual(batch?.endMs ?? 0);
    }
    expect(Math.max(...batches.map(({ links }) => links.length))).toBeGreaterThan(1);
    for (const batch of batches) {
      expect(batch.attributes['firstcome.batch.claims']).toBe(batch.links.length);
      const [statement, ...more] = spans.filter(
        ({ parentSpanId }) => parentSpanId === batch.spanId,
      );
      expect(more).toEqual([]);
      expect(statement).toMatchObject({
        ...{ name: 'claim-batch', kind: spanKinds.client, failed: false },
        attributes: { 'db.system.name': 'postgresql', 'db.operation.name': 'claim-batch' },
      });
      expect(statement && within(batch, statement)).toBe(true);
    }
    expect(requests[0]).toMatchObject({
      ...{ kind: spanKinds.server, failed: false },
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/api/coupons/claim',
        'url.path': '/api/coupons/claim',
      },
      resource: { 'service.name': 'firstcome' },
    });
    const outcomes = requests.map(({ attributes }) => attributes['firstcome.claim.outcome']);
    expect(outcomes.filter((outcome) => outcome === 'claimed')).toHaveLength(20);
    expect(outcomes.filter((outcome) => outcome === 'sold_out')).toHaveLength(30);
    expect(text).not.toContain('secret-user');
  });

  it('limit the links of a large batch', async () => {
    await claimTogether(range(300).map((index) => ({ couponName, userId: `user-${index}` })));
    const batches = (await stopAndReadTraces()).named('claim batch');
    const largest = batches.reduce((a, b) => (b.links.length > a.links.length ? b : a));
    expect(largest.attributes['firstcome.batch.claims']).toBeGreaterThan(128);
    expect(largest.links).toHaveLength(128);
  });
});

describe('the traces of single claims of many coupons', () => {
  it('link to their multi-coupon batch, and to the batch after it where that left them undecided', async () => {
    const names = range(30).map((index) => `COUPON-${index}`);
    for (const name of names) await crowd.createCoupon(app.url, name, 1);
    const claimAll = (userId: string) =>
      claimTogether(names.map((name) => ({ couponName: name, userId })));
    await claimAll('first');
    await claimAll('late');
    const received = await stopAndReadTraces();
    const multiCoupon = received.named('claim multi-coupon batch');
    const largest = multiCoupon.reduce((a, b) => (b.links.length > a.links.length ? b : a));
    expect(largest.links.length).toBeGreaterThan(5);
    expect(largest.attributes['firstcome.batch.claims']).toBe(largest.links.length);
    expect(String(largest.attributes['firstcome.batch.id']).split(' ')).toHaveLength(
      largest.links.length,
    );
    const [statement] = received.spans.filter(
      ({ parentSpanId }) => parentSpanId === largest.spanId,
    );
    expect(statement?.name).toBe('claim-multi-coupon');
    const idsOf = (spans: ReceivedSpan[]) => new Set(spans.map(({ spanId }) => spanId));
    const [multiCouponIds, batchIds] = [idsOf(multiCoupon), idsOf(received.named('claim batch'))];
    const requests = received.named(claimRoute);
    expect(requests).toHaveLength(60);
    const undecided = requests.filter(({ links }) => links.length === 2);
    expect(undecided.length).toBeGreaterThan(5);
    for (const { links, attributes } of undecided) {
      expect(attributes['firstcome.claim.outcome']).toBe('sold_out');
      expect(multiCouponIds).toContain(links[0]?.spanId);
      expect(batchIds).toContain(links[1]?.spanId);
    }
    // A claim that was left undecided has waited twice.
    const waits = received.named('wait in lane');
    for (const { spanId, links } of requests) {
      expect(waits.filter(({ parentSpanId }) => parentSpanId === spanId)).toHaveLength(
        links.length,
      );
    }
  });
});

describe('the trace of a request', () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c';

  it('is that of its caller, and the problem shows its id', async () => {
    await claim('ada', { traceparent: `00-${traceId}-b7ad6b7169203331-01` });
    const again = await claim('ada', { traceparent: `00-${traceId}-b7ad6b7169203331-01` });
    expect(again.status).toBe(409);
    expect(await again.json()).toMatchObject({ code: 'already_claimed', trace_id: traceId });
    const requests = (await stopAndReadTraces()).named(claimRoute);
    expect(requests.map((span) => [span.traceId, span.parentSpanId])).toEqual([
      [traceId, 'b7ad6b7169203331'],
      [traceId, 'b7ad6b7169203331'],
    ]);
  });

  it.each([
    '00-00000000000000000000000000000000-b7ad6b7169203331-01',
    `00-${traceId}-0000000000000000-01`,
    `00-${traceId.toUpperCase()}-b7ad6b7169203331-01`,
    `00-${traceId}-b7ad6b7169203331`,
    `00-${traceId}-b7ad6b7169203331-01-more`,
    'nothing',
  ])('is a new one when the traceparent of the caller is %s', async (traceparent) => {
    expect((await claim('ada', { traceparent })).status).toBe(200);
    const [request] = (await stopAndReadTraces()).named(claimRoute);
    expect(request?.traceId).not.toBe(traceId);
    expect(request?.traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
    expect(request?.parentSpanId).toBeUndefined();
  });

  it('has an id even when the caller does not sample it, and is not recorded then', async () => {
    const traceparent = `00-${traceId}-b7ad6b7169203331-00`;
    await claim('ada', { traceparent });
    const again = await claim('ada', { traceparent });
    expect(await again.json()).toMatchObject({ trace_id: traceId });
    const received = await stopAndReadTraces();
    expect(received.named(claimRoute)).toEqual([]);
    expect(received.named('claim batch')).toEqual([]);
  });

  it('is shown by each kind of refusal', async () => {
    const idIn = async (answer: Promise<Response>) => {
      const { trace_id: id } = (await (await answer).json()) as { trace_id?: string };
      return id;
    };
    const ids = [
      await idIn(fetch(`${app.url}/nowhere`)),
      await idIn(fetch(`${app.url}/api/coupons/claim`, { method: 'POST', body: '{' })),
      await idIn(fetch(`${app.url}/api/coupons/NONE`)),
    ];
    for (const user of range(20)) await claim(`user-${user}`);
    ids.push(await idIn(claim('late')));
    const { spans } = await stopAndReadTraces();
    const traced = new Set(
      spans.filter(({ kind }) => kind === spanKinds.server).map((s) => s.traceId),
    );
    for (const id of ids) expect(traced).toContain(id);
    expect(new Set(ids).size).toBe(4);
  });

  it('contains the statements that ran for it', async () => {
    await fetch(`${app.url}/api/coupons/${couponName}`);
    const { spans } = await stopAndReadTraces();
    const read = spans.find(({ name }) => name === 'GET /api/coupons/:name');
    const statements = spans.filter(({ parentSpanId }) => parentSpanId === read?.spanId);
    expect(statements.map(({ kind }) => kind)).toEqual([spanKinds.client]);
    expect(statements[0]?.traceId).toBe(read?.traceId);
  });
});

describe('the trace of a batch that the database refuses', () => {
  it('has the reason of the service and the SQLSTATE of the server', async () => {
    const holder = new pg.Client({ connectionString: database.url });
    await holder.connect();
    await holder.query('begin');
    await holder.query('select from coupons where name = $1 for update', [couponName]);
    expect((await claim('ada')).status).toBe(503);
    await holder.end();
    const received = await stopAndReadTraces();
    const [batch] = received.named('claim batch');
    const [statement] = received.named('claim-batch');
    expect(batch).toMatchObject({ failed: true, attributes: { 'error.type': 'busy' } });
    expect(statement).toMatchObject({
      failed: true,
      attributes: { 'error.type': '55P03', 'db.response.status_code': '55P03' },
    });
  });
});

describe('the trace of a client that disconnects', () => {
  it('ends, and shows that the client is gone', async () => {
    holdFirstAnswer();
    const disconnect = new AbortController();
    const gone = claim('ada', {}, disconnect.signal);
    await waitFor('claim under way', () => proxy.held.length > 0);
    disconnect.abort();
    await expect(gone).rejects.toThrow();
    // The service handles these requests after the disconnect.
    for (const _ of range(2)) expect((await fetch(`${app.url}/livez`)).status).toBe(200);
    proxy.release();
    expect((await claim('bob')).status).toBe(200);
    const requests = (await stopAndReadTraces()).named(claimRoute);
    expect(requests).toHaveLength(2);
    expect(requests.map(({ attributes }) => attributes['error.type']).sort()).toEqual([
      'client_gone',
      undefined,
    ]);
  });
});

describe('the trace of an event stream', () => {
  it('ends when the stream begins, and a client that closes it later has not failed', async () => {
    const stream = await EventClient.open(app.url, `/api/coupons/${couponName}/events`);
    await stream.until({ remaining_amount: 20 });
    const span = await waitFor('span', () => receiver.named('GET /api/coupons/:name/events')[0]);
    expect(span).toMatchObject({ attributes: { 'http.response.status_code': 200 } });
    expect(span.failed).toBe(false);
    stream.close();
    const received = await stopAndReadTraces();
    expect(received.named('GET /api/coupons/:name/events')).toHaveLength(1);
  });
});

describe('the span of a request without a route', () => {
  /** Sends request lines without a route, and returns the problems in the responses. */
  async function problemsOf(...lines: string[]): Promise<Record<string, unknown>[]> {
    const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
    for (const line of lines) socket.write(`${line} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    socket.end();
    const answers = await text(socket);
    return answers.match(/\{"type".*?\}(?=HTTP|$)/g)?.map((body) => JSON.parse(body)) ?? [];
  }

  it('is named by its method alone, even when its path cannot be read, and its id is in the problem', async () => {
    const problems = await problemsOf(
      ...['OPTIONS *', 'GET /api/coupons/%zz', `GET /api/coupons/${'x'.repeat(5_000)}`],
      ...['OPTIONS /api/coupons', 'GET /nowhere'],
    );
    const { spans } = await stopAndReadTraces();
    expect(problems.map(({ status }) => status)).toEqual([404, 400, 414, 405, 404]);
    const found = problems.map(({ trace_id: id }) => spans.find(({ traceId }) => traceId === id));
    const [path] = found.map((span) => span?.attributes['url.path']);
    expect(path).toBe('*');
    expect(found.map((span) => span?.name)).toEqual(['OPTIONS', 'GET', 'GET', 'OPTIONS', 'GET']);
    expect(found.map((span) => span?.attributes['http.response.status_code'])).toEqual([
      ...[404, 400, 414, 405, 404],
    ]);
    for (const span of found) expect(span?.attributes).not.toHaveProperty('http.route');
  });

  it('is named by its method alone when it is a preflight of another origin', async () => {
    await app.stop();
    app = await startService({
      ...{ DATABASE_URL: database.url, CORS_ORIGINS: 'https://shop.example' },
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    });
    const headers = { Origin: 'https://shop.example', 'Access-Control-Request-Method': 'POST' };
    const preflight = await fetch(`${app.url}/api/coupons/claim`, { method: 'OPTIONS', headers });
    expect(preflight.status).toBe(204);
    await problemsOf('OPTIONS *');
    const { spans } = await stopAndReadTraces();
    const names = spans.filter(({ name }) => name.startsWith('OPTIONS')).map(({ name }) => name);
    expect(names).toEqual(['OPTIONS', 'OPTIONS']);
  });
});

describe('the path of a request', () => {
  it('is recorded without a password, and up to a limited length', async () => {
    const { port } = new URL(app.url);
    const get = (path: string) =>
      new Promise<void>((resolve) => {
        request({ port, path }, (answer) => answer.resume().on('end', resolve)).end();
      });
    await get(`http://ada:secret@127.0.0.1:${port}/nowhere?secret#secret`);
    await get(`/${'long'.repeat(2000)}`);
    const received = await stopAndReadTraces();
    expect(received.text).not.toContain('secret');
    for (const { attributes } of received.spans) {
      expect(String(attributes['url.path'] ?? '').length).toBeLessThanOrEqual(2048);
    }
  });
});

describe('a trace', () => {
  it('is not recorded for health checks and scrapes, nor for statements of the service itself', async () => {
    for (const path of ['/health', '/api/health', '/readyz', '/livez', '/metrics']) {
      expect((await fetch(app.url + path)).status).toBe(200);
    }
    const { spans } = await stopAndReadTraces();
    expect(spans.filter(({ kind }) => kind === spanKinds.server).map(({ name }) => name)).toEqual([
      'POST /api/coupons',
    ]);
    const ids = new Set(spans.map(({ spanId }) => spanId));
    const orphans = spans.filter(
      ({ parentSpanId, kind }) => parentSpanId === undefined && kind !== spanKinds.server,
    );
    expect(orphans).toEqual([]);
    for (const { parentSpanId } of spans) {
      if (parentSpanId !== undefined) expect(ids).toContain(parentSpanId);
    }
  });
});

describe('the trace of a batch in doubt', () => {
  it('is marked, contains the resolution, and its claim waits again for the batch that answers it', async () => {
    let cut = false;
    proxy.cutWhen = (piece) => {
      if (cut || !piece.includes('claim-batch')) return undefined;
      cut = true;
      return 'before_reply';
    };
    expect((await claim('ada')).status).toBe(200);
    const received = await stopAndReadTraces();
    const [lost, decided] = received.named('claim batch').sort((a, b) => a.startMs - b.startMs);
    const [resolution] = received.named('resolve batch');
    const waits = received.named('wait in lane').sort((a, b) => a.startMs - b.startMs);
    expect(lost).toMatchObject({ failed: true, attributes: { 'error.type': 'answer_lost' } });
    expect(resolution).toMatchObject({
      ...{ parentSpanId: lost?.spanId, traceId: lost?.traceId, failed: false },
      attributes: { 'firstcome.batch.resolution': 'committed' },
    });
    const [mark] = received.named('resolve-batch');
    expect(mark?.parentSpanId).toBe(resolution?.spanId);
    expect(decided?.failed).toBe(false);
    expect(waits).toHaveLength(2);
    const [request] = received.named(claimRoute);
    expect(request?.links.map(({ spanId }) => spanId)).toEqual([lost?.spanId, decided?.spanId]);
    const statements = received.named('claim-batch').sort((a, b) => a.startMs - b.startMs);
    expect(statements.map(({ failed }) => failed)).toEqual([true, false]);
  });

  it('marks the request as failed with its status when no decision was possible', async () => {
    await proxy.refuse();
    expect((await claim('ada')).status).toBe(503);
    const [request] = (await stopAndReadTraces()).named(claimRoute);
    expect(request).toMatchObject({
      failed: true,
      attributes: { 'http.response.status_code': 503, 'error.type': '503' },
    });
    await proxy.accept();
  });
});
