// SPDX-License-Identifier: GPL-3.0-or-later
/** `GET /api/coupons/{name}/events`: the stock of a coupon as server-sent events. */
import { afterEach, describe, expect, it } from 'vitest';
import { expectApiHeaders, expectInvalid, expectProblem } from '../support/contract-problems.ts';
import { newName, pathOf, until, useService } from '../support/contract-service.ts';
import { EventClient } from '../support/event-client.ts';
import { claim, get, RawConnection } from '../support/raw-connection.ts';
import { missed } from '../support/wait-for.ts';

const clients: EventClient[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

const eventsOf = (coupon: string) => pathOf(coupon, 'events');

async function open(
  { client }: { client: { url: string } },
  coupon: string,
  headers: Record<string, string> = {},
): Promise<EventClient> {
  const stream = await EventClient.open(client.url, eventsOf(coupon), headers);
  clients.push(stream);
  return stream;
}

/** The value of a metric without labels. */
async function metricOf(service: ReturnType<typeof useService>, name: string): Promise<number> {
  const { text } = await service.client.get('/metrics');
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

const isOpenIn = (service: ReturnType<typeof useService>, count: number) =>
  until(
    () => metricOf(service, 'firstcome_event_streams'),
    (open) => open === count,
  );

describe('the event stream of a coupon', () => {
  const service = useService({ CORS_ORIGINS: 'https://shop.example' });

  it('begins at once with the stock, and goes on with each change', async () => {
    const coupon = await service.createCoupon({ amount: 3 });
    await service.mustClaim(coupon, { user: 'ada' });
    const stream = await open(service, coupon);
    const first = await stream.until({ remaining_amount: 2, claimed: 1, state: 'open' });
    expect(Object.keys(first)).toEqual(['id', 'remaining_amount', 'claimed', 'state', 'at']);
    expect(Math.floor(Number(first.id) / 1000)).toBe(Date.parse(first.at));
    expect(new Date(first.at).toISOString()).toBe(first.at);
    for (const user of ['bob', 'cy']) await service.mustClaim(coupon, { user });
    const last = await stream.until({ remaining_amount: 0, claimed: 3 });
    expect(Number(last.id)).toBeGreaterThan(Number(first.id));
    await service.client.post(pathOf(coupon, 'stock'), { add: 5 });
    await stream.until({ remaining_amount: 5, claimed: 3 });
  });

  it('is an uncompressed response that nothing stores or buffers, and ends with its connection', async () => {
    const coupon = await service.createCoupon();
    const stream = await open(service, coupon, { 'Accept-Encoding': 'gzip, br' });
    expect(stream.status).toBe(200);
    const { headers } = stream.response;
    expect(headers).toMatchObject({
      ...{ 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
      ...{ 'x-accel-buffering': 'no', 'x-content-type-options': 'nosniff', connection: 'close' },
    });
    for (const name of ['content-encoding', 'content-length', 'transfer-encoding']) {
      expect(headers).not.toHaveProperty(name);
    }
  });

  it('is served whatever the client accepts, and in HTTP/1.0', async () => {
    const coupon = await service.createCoupon();
    const stream = await open(service, coupon, { Accept: 'application/json' });
    await stream.until({ remaining_amount: 10 });
    const connection = await RawConnection.open(service.client.port);
    connection.write(`GET ${eventsOf(coupon)} HTTP/1.0\r\n\r\n`);
    await until(
      async () => connection.received,
      (text) => text.endsWith('"}\n\n'),
    );
    expect(connection.received).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(connection.received.split('\r\n\r\n')[1]).toMatch(
      /^retry: \d+\nid: \d+\nevent: stock\ndata: /,
    );
    connection.end();
  });

  it('has a hint of one to five seconds for the next connection, different for each', async () => {
    const coupon = await service.createCoupon();
    const streams = await Promise.all(Array.from({ length: 10 }, () => open(service, coupon)));
    for (const stream of streams) await stream.until({ remaining_amount: 10 });
    const hints = streams.flatMap(({ retries }) => retries);
    expect(hints).toHaveLength(10);
    expect(Math.min(...hints)).toBeGreaterThanOrEqual(1_000);
    expect(Math.max(...hints)).toBeLessThanOrEqual(5_000);
    expect(new Set(hints).size).toBeGreaterThan(1);
  });

  it('after Last-Event-ID begins at once, with an event that is not older', async () => {
    const coupon = await service.createCoupon();
    const before = await (await open(service, coupon)).until({ remaining_amount: 10 });
    for (const id of [before.id, '0', 'no id', '9'.repeat(16), '9'.repeat(300)]) {
      const stream = await open(service, coupon, { 'Last-Event-ID': id });
      const first = await stream.until({ remaining_amount: 10 });
      expect(Number(first.id)).toBeGreaterThanOrEqual(Number(before.id));
    }
  });

  it('goes on when the coupon is paused, resumed, closed and archived', async () => {
    const coupon = await service.createCoupon();
    const stream = await open(service, coupon);
    await stream.until({ state: 'open' });
    const change = async (body: Record<string, unknown>) => {
      expect((await service.client.patch(pathOf(coupon), body)).status).toBe(200);
    };
    await change({ paused: true });
    await stream.until({ state: 'paused' });
    await change({ paused: false });
    await stream.until({ state: 'open' });
    await change({ archived: true });
    await stream.until({ state: 'closed' });
    const later = await open(service, coupon);
    await later.until({ state: 'closed' });
    expect(stream.isClosed).toBe(false);
  });

  it('shows a sale that the clock opens and closes', async () => {
    const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();
    const coupon = await service.createCoupon({ opens_at: inMs(1_000), closes_at: inMs(3_000) });
    const stream = await open(service, coupon);
    await stream.until({ state: 'closed' });
    const states = stream.events.map(({ state }) => state);
    if (states.length < 3)
      missed('the stream began after the sale, or was not read while it was open');
    expect(states).toEqual(['scheduled', 'open', 'closed']);
  });

  it('shows units that come back from a hold that has ended', async () => {
    // So long that the stream shows the hold before it ends, also on a busy machine.
    const coupon = await service.createCoupon({ amount: 1, hold_seconds: 3 });
    const stream = await open(service, coupon);
    await service.mustClaim(coupon);
    await stream.until({ remaining_amount: 0 });
    await stream.until({ remaining_amount: 1, claimed: 0 });
  });

  it('is of one coupon, also where names hold any character', async () => {
    const [one, other] = [newName('Ä €/%?#'), newName('plain')];
    await service.createCoupon({ name: one });
    await service.createCoupon({ name: other });
    const streams = [await open(service, one), await open(service, other)];
    await service.mustClaim(one);
    await streams[0]?.until({ remaining_amount: 9 });
    expect(streams[1]?.events).toHaveLength(1);
  });

  it('is 404 for an unknown coupon and 400 for what is no name, and opens nothing', async () => {
    expectProblem(await service.client.get(eventsOf('none')), 'coupon_not_found');
    expectInvalid(await service.client.get('/api/coupons/%00/events'), 'name');
    expectProblem(await service.client.get('/api/coupons//events'), 'route_not_found');
    expectProblem(await service.client.post(eventsOf('none'), {}), 'method_not_allowed');
    await isOpenIn(service, 0);
  });

  it('is not opened by HEAD, which has the status and the headers of GET', async () => {
    const coupon = await service.createCoupon();
    const head = (path: string) => service.client.call({ method: 'HEAD', path });
    const answer = await head(eventsOf(coupon));
    expect(answer.status).toBe(200);
    expectApiHeaders(answer);
    expect(answer.headers).toMatchObject({
      ...{ 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' },
    });
    expect(answer.text).toBe('');
    expect((await head(eventsOf('none'))).status).toBe(404);
    expect((await head('/api/coupons/%00/events')).status).toBe(400);
  });

  it('can be read by pages of the allowed origins alone', async () => {
    const coupon = await service.createCoupon();
    const origin = 'https://shop.example';
    const allowed = await open(service, coupon, { Origin: origin, 'Sec-Fetch-Site': 'cross-site' });
    expect(allowed.response.headers['access-control-allow-origin']).toBe(origin);
    await allowed.until({ remaining_amount: 10 });
    const other = await open(service, coupon, { Origin: 'https://evil.example' });
    expect(other.response.headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('needs no key, and shows no holder', async () => {
    const keys = { ADMIN_API_KEY: 'a'.repeat(32), CLAIM_API_KEY: 'c'.repeat(32) };
    const coupon = await service.createCoupon();
    await service.mustClaim(coupon, { user: 'secret-user' });
    await service.withAnother(keys, async (other) => {
      const stream = await open(other, coupon);
      await stream.until({ remaining_amount: 9 });
      expect(stream.received).not.toContain('secret-user');
    });
  });

  it('shows what another instance on the same database decides', async () => {
    const coupon = await service.createCoupon();
    await service.withAnother({}, async (other) => {
      const stream = await open(service, coupon);
      await stream.until({ remaining_amount: 10 });
      await other.mustClaim(coupon);
      await stream.until({ remaining_amount: 9 });
    });
  });

  it('is forgotten when the client closes it', async () => {
    const coupon = await service.createCoupon();
    for (const client of clients.splice(0)) client.close();
    const streams = [await open(service, coupon), await open(service, coupon)];
    await isOpenIn(service, 2);
    for (const stream of streams) stream.close();
    await isOpenIn(service, 0);
    // The time that it was open is no time that a call took.
    const { text } = await service.client.get('/metrics');
    expect(text).not.toMatch(/operation="streamStock",status="200"/);
    expect(await metricOf(service, 'firstcome_event_streams_opened_total')).toBeGreaterThan(1);
  });

  it('is the last response of its connection, and what follows it is not carried out', async () => {
    const coupon = await service.createCoupon();
    const connection = await RawConnection.open(service.client.port);
    connection.write(get(eventsOf(coupon)));
    await until(
      async () => connection.received,
      (text) => text.endsWith('"}\n\n'),
    );
    connection.write(claim('late', coupon));
    await service.mustClaim(coupon, { user: 'other' });
    await until(
      async () => connection.received,
      (text) => text.includes('"remaining_amount":9'),
    );
    expect((await service.client.get(pathOf(coupon))).json.claimed_by).toEqual(['other']);
    connection.end();
  });

  it('is refused where a request has arrived behind it, whose response is sent', async () => {
    const coupon = await service.createCoupon();
    const connection = await RawConnection.open(service.client.port);
    connection.write(get(eventsOf(coupon)) + claim('ada', coupon));
    const refused = await connection.answer();
    expectInvalid(refused ?? missed('response'), 'request');
    expect(await connection.answer()).toMatchObject({ status: 200, json: { user_id: 'ada' } });
    connection.end();
  });
});

describe('EVENT_STREAMS_MAX', () => {
  const service = useService({ EVENT_STREAMS_MAX: '3', HTTP_CONNECTIONS_MAX: '10' });

  it('refuses one more stream as overloaded, and serves it once another is closed', async () => {
    const coupon = await service.createCoupon();
    const streams = [];
    for (const _ of [1, 2, 3]) streams.push(await open(service, coupon));
    expectProblem(await service.client.get(eventsOf(coupon)), 'overloaded');
    expectProblem(await service.client.get(eventsOf(newName())), 'coupon_not_found');
    expect(await metricOf(service, 'firstcome_event_streams_refused_total')).toBe(1);
    // HEAD opens none, so it is not refused.
    expect((await service.client.call({ method: 'HEAD', path: eventsOf(coupon) })).status).toBe(
      200,
    );
    streams[0]?.close();
    await isOpenIn(service, 2);
    await (await open(service, coupon)).until({ remaining_amount: 10 });
  });

  it('is a limit of its own: streams take no place of other connections, and survive when those are full', async () => {
    const coupon = await service.createCoupon();
    await isOpenIn(service, 0);
    const streams = [];
    for (const _ of [1, 2, 3]) streams.push(await open(service, coupon));
    const before = await metricOf(service, 'firstcome_http_connections');
    const { port } = service.client;
    const idle = [];
    for (let count = 0; count < 30; count += 1) {
      const connection = await RawConnection.open(port);
      expect((await connection.send(get('/livez')))?.status).toBe(200);
      idle.push(connection);
    }
    await service.mustClaim(coupon);
    for (const stream of streams) await stream.until({ remaining_amount: 9 });
    expect(before).toBeLessThanOrEqual(2);
    for (const connection of idle) connection.end();
  });
});

describe('EVENT_STREAMS_MAX=0', () => {
  const service = useService({ EVENT_STREAMS_MAX: '0' });

  it('serves no streams', async () => {
    const coupon = await service.createCoupon();
    expectProblem(await service.client.get(eventsOf(coupon)), 'route_not_found');
  });
});

describe('a service that stops', () => {
  // Longer than the timeout of the test.
  const service = useService({ SHUTDOWN_TIMEOUT_MS: '600000' });

  it('ends its streams at once, each with a hint for the next connection', async () => {
    const coupon = await service.createCoupon();
    const streams = [await open(service, coupon), await open(service, coupon)];
    for (const stream of streams) await stream.until({ remaining_amount: 10 });
    await service.app.stop();
    for (const stream of streams) {
      await stream.untilClosed();
      expect(stream.received).toMatch(/\n\nretry: \d+\n\n$/);
    }
  });
});
