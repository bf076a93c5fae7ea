// SPDX-License-Identifier: GPL-3.0-or-later
import { request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { type ClaimAsk, Crowd, range } from '../support/crowd.ts';
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
    // While it is taken, claims gather.
    DATABASE_CLAIM_CONNECTIONS: '1',
  });
  crowd = new Crowd();
  await crowd.createCoupon(app.url, couponName, 20);
});

afterEach(async () => {
  crowd.leave();
  await app.stop();
  await proxy.stop();
  await receiver.stop();
  await database.drop();
});

/** What the collector has when the service has stopped, which sends all that is left. */
async function tracesAtTheEnd(): Promise<OtlpReceiver> {
  crowd.leave();
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

/** The answer to the first statement of claims gets through at `proxy.release`. */
function holdFirstAnswer(): void {
  let isHeld = false;
  proxy.cutWhen = (piece) => {
    if (isHeld || !piece.includes('claim-b')) return undefined;
    isHeld = true;
    return 'hold';
  };
}

/** Makes these claims while nothing is answered until all of them wait. */
async function together(asks: ClaimAsk[]): Promise<void> {
  holdFirstAnswer();
  const told = asks.map((ask) => crowd.claim(app.url, ask));
  await waitFor('claims that wait', async () => {
    const { body } = await crowd.ask(app.url, { path: '/metrics' });
    return String(body).includes(`\nfirstcome_claims_waiting ${asks.length}\n`);
  });
  proxy.release();
  await Promise.all(told);
}

const within = (outer: ReceivedSpan, inner: ReceivedSpan) =>
  outer.startMs <= inner.startMs && inner.endMs <= outer.endMs + 1;

describe('the traces of a crowd', () => {
  it('have a span for each request, linked to the batch that decided it, and tell no value', async () => {
    await Promise.all(
      range(50).map((index) =>
        crowd.claim(app.url, { couponName, userId: `secret-user-${index}` }),
      ),
    );
    const { spans, text } = await tracesAtTheEnd();
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
      // The wait ends where its batch is sent, and the answer comes behind that.
      expect(batch && batch.endMs + 1).toBeGreaterThanOrEqual(wait.endMs);
      expect(batch && request && request.endMs + 1).toBeGreaterThan(batch?.endMs ?? 0);
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

  it('keep the links of a large batch within a bound', async () => {
    await together(range(300).map((index) => ({ couponName, userId: `user-${index}` })));
    const batches = (await tracesAtTheEnd()).named('claim batch');
    const largest = batches.reduce((a, b) => (b.links.length > a.links.length ? b : a));
    expect(largest.attributes['firstcome.batch.claims']).toBeGreaterThan(128);
    expect(largest.links).toHaveLength(128);
  });
});

describe('the traces of single claims of many coupons', () => {
  it('lead to the bundle that decided them, or to the batch of who was left undecided there', async () => {
    const names = range(30).map((index) => `COUPON-${index}`);
    for (const name of names) await crowd.createCoupon(app.url, name, 1);
    const everybody = (userId: string) =>
      together(names.map((name) => ({ couponName: name, userId })));
    await everybody('first');
    await everybody('late');
    const received = await tracesAtTheEnd();
    const bundles = received.named('claim bundle');
    const largest = bundles.reduce((a, b) => (b.links.length > a.links.length ? b : a));
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
    const [ofBundles, ofBatches] = [idsOf(bundles), idsOf(received.named('claim batch'))];
    const requests = received.named(claimRoute);
    expect(requests).toHaveLength(60);
    const undecided = requests.filter(({ links }) => links.length === 2);
    expect(undecided.length).toBeGreaterThan(5);
    for (const { links, attributes } of undecided) {
      expect(attributes['firstcome.claim.outcome']).toBe('sold_out');
      expect(ofBundles).toContain(links[0]?.spanId);
      expect(ofBatches).toContain(links[1]?.spanId);
    }
    // Whoever was left undecided has waited twice.
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

  it('is that of its caller, and its id is told in the problem', async () => {
    await claim('ada', { traceparent: `00-${traceId}-b7ad6b7169203331-01` });
    const again = await claim('ada', { traceparent: `00-${traceId}-b7ad6b7169203331-01` });
    expect(again.status).toBe(409);
    expect(await again.json()).toMatchObject({ code: 'already_claimed', trace_id: traceId });
    const requests = (await tracesAtTheEnd()).named(claimRoute);
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
  ])('is one of its own when the caller says %s', async (traceparent) => {
    expect((await claim('ada', { traceparent })).status).toBe(200);
    const [request] = (await tracesAtTheEnd()).named(claimRoute);
    expect(request?.traceId).not.toBe(traceId);
    expect(request?.traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
    expect(request?.parentSpanId).toBeUndefined();
  });

  it('is not recorded when the caller says so, but has an id all the same', async () => {
    const traceparent = `00-${traceId}-b7ad6b7169203331-00`;
    await claim('ada', { traceparent });
    const again = await claim('ada', { traceparent });
    expect(await again.json()).toMatchObject({ trace_id: traceId });
    const received = await tracesAtTheEnd();
    expect(received.named(claimRoute)).toEqual([]);
    expect(received.named('claim batch')).toEqual([]);
  });

  it('is told by each kind of refusal', async () => {
    const told = async (answer: Promise<Response>) => {
      const { trace_id: id } = (await (await answer).json()) as { trace_id?: string };
      return id;
    };
    const ids = [
      await told(fetch(`${app.url}/nowhere`)),
      await told(fetch(`${app.url}/api/coupons/claim`, { method: 'POST', body: '{' })),
      await told(fetch(`${app.url}/api/coupons/NONE`)),
    ];
    for (const user of range(20)) await claim(`user-${user}`);
    ids.push(await told(claim('late')));
    const { spans } = await tracesAtTheEnd();
    const traced = new Set(
      spans.filter(({ kind }) => kind === spanKinds.server).map((s) => s.traceId),
    );
    for (const id of ids) expect(traced).toContain(id);
    expect(new Set(ids).size).toBe(4);
  });

  it('holds the statements that were run for it', async () => {
    await fetch(`${app.url}/api/coupons/${couponName}`);
    const { spans } = await tracesAtTheEnd();
    const read = spans.find(({ name }) => name === 'GET /api/coupons/:name');
    const statements = spans.filter(({ parentSpanId }) => parentSpanId === read?.spanId);
    expect(statements.map(({ kind }) => kind)).toEqual([spanKinds.client]);
    expect(statements[0]?.traceId).toBe(read?.traceId);
  });
});

describe('the trace of a batch that the database refuses', () => {
  it('has the word of the service and the SQLSTATE of the server', async () => {
    const somebody = new pg.Client({ connectionString: database.url });
    await somebody.connect();
    await somebody.query('begin');
    await somebody.query('select from coupons where name = $1 for update', [couponName]);
    expect((await claim('ada')).status).toBe(503);
    await somebody.end();
    const received = await tracesAtTheEnd();
    const [batch] = received.named('claim batch');
    const [statement] = received.named('claim-batch');
    expect(batch).toMatchObject({ failed: true, attributes: { 'error.type': 'busy' } });
    expect(statement).toMatchObject({
      failed: true,
      attributes: { 'error.type': '55P03', 'db.response.status_code': '55P03' },
    });
  });
});

describe('the trace of a client who leaves', () => {
  it('is ended all the same, and says so', async () => {
    holdFirstAnswer();
    const leaving = new AbortController();
    const gone = claim('ada', {}, leaving.signal);
    await waitFor('claim on its way', () => proxy.held.length > 0);
    leaving.abort();
    await expect(gone).rejects.toThrow();
    // The service hears of it before it hears of what comes later.
    for (const _ of range(2)) expect((await fetch(`${app.url}/livez`)).status).toBe(200);
    proxy.release();
    expect((await claim('bob')).status).toBe(200);
    const requests = (await tracesAtTheEnd()).named(claimRoute);
    expect(requests).toHaveLength(2);
    expect(requests.map(({ attributes }) => attributes['error.type']).sort()).toEqual([
      'client_gone',
      undefined,
    ]);
  });
});

describe('the span of a request without a route', () => {
  /** Sends bytes to a service that it has no route for, and gives back the problems that they met. */
  async function problemsOf(...lines: string[]): Promise<Record<string, unknown>[]> {
    const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
    for (const line of lines) socket.write(`${line} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    socket.end();
    const answers = await text(socket);
    return answers.match(/\{"type".*?\}(?=HTTP|$)/g)?.map((body) => JSON.parse(body)) ?? [];
  }

  it('is named by its method alone, also when its path cannot be read, and is told in the problem', async () => {
    const problems = await problemsOf(
      ...['OPTIONS *', 'GET /api/coupons/%zz', `GET /api/coupons/${'x'.repeat(5_000)}`],
      ...['OPTIONS /api/coupons', 'GET /nowhere'],
    );
    const { spans } = await tracesAtTheEnd();
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

  it('is named by its method alone when it asks for a page of another origin', async () => {
    await app.stop();
    app = await startService({
      ...{ DATABASE_URL: database.url, CORS_ORIGINS: 'https://shop.example' },
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    });
    const headers = { Origin: 'https://shop.example', 'Access-Control-Request-Method': 'POST' };
    const asked = await fetch(`${app.url}/api/coupons/claim`, { method: 'OPTIONS', headers });
    expect(asked.status).toBe(204);
    await problemsOf('OPTIONS *');
    const { spans } = await tracesAtTheEnd();
    const names = spans.filter(({ name }) => name.startsWith('OPTIONS')).map(({ name }) => name);
    expect(names).toEqual(['OPTIONS', 'OPTIONS']);
  });
});

describe('the path of a request', () => {
  it('is told without a password and without an end', async () => {
    const { port } = new URL(app.url);
    const asked = (path: string) =>
      new Promise<void>((resolve) => {
        request({ port, path }, (answer) => answer.resume().on('end', resolve)).end();
      });
    await asked(`http://ada:secret@127.0.0.1:${port}/nowhere?secret#secret`);
    await asked(`/${'long'.repeat(2000)}`);
    const received = await tracesAtTheEnd();
    expect(received.text).not.toContain('secret');
    for (const { attributes } of received.spans) {
      expect(String(attributes['url.path'] ?? '').length).toBeLessThanOrEqual(2048);
    }
  });
});

describe('what has no trace', () => {
  it('is asked again and again by machines, or asked by the service itself', async () => {
    for (const path of ['/health', '/api/health', '/readyz', '/livez', '/metrics']) {
      expect((await fetch(app.url + path)).status).toBe(200);
    }
    const { spans } = await tracesAtTheEnd();
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

describe('the trace of a batch whose answer was lost', () => {
  it('is marked, holds the settling, and its claim waits again for the batch that answers it', async () => {
    let cut = false;
    proxy.cutWhen = (piece) => {
      if (cut || !piece.includes('claim-batch')) return undefined;
      cut = true;
      return 'before_reply';
    };
    expect((await claim('ada')).status).toBe(200);
    const received = await tracesAtTheEnd();
    const [lost, decided] = received.named('claim batch').sort((a, b) => a.startMs - b.startMs);
    const [settling] = received.named('settle batch');
    const waits = received.named('wait in lane').sort((a, b) => a.startMs - b.startMs);
    expect(lost).toMatchObject({ failed: true, attributes: { 'error.type': 'answer_lost' } });
    expect(settling).toMatchObject({
      ...{ parentSpanId: lost?.spanId, traceId: lost?.traceId, failed: false },
      attributes: { 'firstcome.batch.settled': 'committed' },
    });
    const [mark] = received.named('void-batch');
    expect(mark?.parentSpanId).toBe(settling?.spanId);
    expect(decided?.failed).toBe(false);
    expect(waits).toHaveLength(2);
    const [request] = received.named(claimRoute);
    expect(request?.links.map(({ spanId }) => spanId)).toEqual([lost?.spanId, decided?.spanId]);
    const statements = received.named('claim-batch').sort((a, b) => a.startMs - b.startMs);
    expect(statements.map(({ failed }) => failed)).toEqual([true, false]);
  });

  it('shows on the request when nobody could tell: a failure with its status', async () => {
    await proxy.refuse();
    expect((await claim('ada')).status).toBe(503);
    const [request] = (await tracesAtTheEnd()).named(claimRoute);
    expect(request).toMatchObject({
      failed: true,
      attributes: { 'http.response.status_code': 503, 'error.type': '503' },
    });
    await proxy.accept();
  });
});
