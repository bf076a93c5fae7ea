// SPDX-License-Identifier: GPL-3.0-or-later
/** Events sent to real servers on this machine, which an operator has named. */
import { Webhook } from 'standardwebhooks';
import { afterEach, expect, it, vi } from 'vitest';
import {
  type Receiver,
  type Respond,
  startRawReceiver,
  startReceiver,
} from '../../../test/support/receivers.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import type { Resolve } from './public-lookup.ts';
import { createSendEvent, type SendLimits } from './send-event.ts';
import { signMessage } from './sign-message.ts';

const secrets = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whsec_plJ3nmyCDGBKInavdOK15jsl'];
const event = { eventId: 'evt_01234567_1_2_3', body: '{"type":"claim.confirmed","data":{"é":1}}' };
// Only a machine that stands still for a minute exceeds it.
const generous: SendLimits = { timeoutMs: 60_000, responseBytesMax: 65_536, connectionsMax: 64 };
const never = new AbortController().signal;

const steps: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of steps.splice(0).reverse()) await step();
});

async function started(starting: Promise<Receiver>): Promise<Receiver> {
  const receiver = await starting;
  steps.push(() => receiver.close());
  return receiver;
}

function senderTo({ port }: Receiver, limits: Partial<SendLimits> = {}, resolve?: Resolve) {
  const rules = { allowsHttp: true, allowed: [`127.0.0.1:${port}`, `shop.example:${port}`] };
  const sender = createSendEvent({
    ...{ rules, userAgent: 'firstcome/1', limits: { ...generous, ...limits } },
    ...(resolve && { resolve }),
  });
  steps.push(() => sender.close());
  const send = (signal = never, url = `http://127.0.0.1:${port}/hook?a=1`) =>
    sender.send({ url, secrets }, event, signal);
  return { send, close: () => sender.close() };
}

const answering = (respond?: Respond) => started(startReceiver(respond));
const raw = (onConnection: Parameters<typeof startRawReceiver>[0]) =>
  started(startRawReceiver(onConnection));

/** A receiver that answers each request with these bytes. */
const saying = (text: string) => raw((socket) => socket.once('data', () => socket.write(text)));

it.each([
  [
    ...['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330],
    ...['{"test": 2432232314}', 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='],
  ],
  [
    ...['whsec_plJ3nmyCDGBKInavdOK15jsl', 'msg_loFOjxBNrRLzqYUf', 1_731_705_121],
    ...['{"event_type":"ping","data":{"success":true}}'],
    'v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=',
  ],
] as [string, string, number, string, string][])(
  'signs the published example of Standard Webhooks with the secret %s',
  (secret, eventId, seconds, body, signature) => {
    const sentAt = new Date(seconds * 1_000 + 999);
    expect(signMessage([secret], { messageId: eventId, sentAt, body })).toEqual({
      ...{ 'webhook-id': eventId, 'webhook-timestamp': String(seconds) },
      'webhook-signature': signature,
    });
  },
);

it('sends the event as JSON, and a receiver can verify it with each of two secrets', async () => {
  const receiver = await answering();
  expect(await senderTo(receiver).send()).toEqual({
    ...{ kind: 'answered', status: 204, retryAfterSeconds: undefined },
  });
  const [{ path, headers, body } = { path: '', headers: {}, body: '' }] = receiver.received;
  expect({ path, body }).toEqual({ path: '/hook?a=1', body: event.body });
  expect(headers).toMatchObject({
    ...{ host: `127.0.0.1:${receiver.port}`, 'user-agent': 'firstcome/1' },
    ...{ 'content-type': 'application/json', 'webhook-id': event.eventId },
  });
  for (const secret of secrets) {
    const verified = new Webhook(secret).verify(body, headers as Record<string, string>);
    expect(verified).toEqual(JSON.parse(event.body));
  }
  const other = new Webhook('whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA');
  expect(() => other.verify(body, headers as Record<string, string>)).toThrow('No matching');
});

it.each([301, 302, 303, 307, 308])('follows no redirect with the status %d', async (status) => {
  const aim = await answering();
  const receiver = await answering((response) =>
    response.writeHead(status, { location: `http://127.0.0.1:${aim.port}/` }).end(),
  );
  expect(await senderTo(receiver).send()).toMatchObject({ kind: 'answered', status });
  expect([receiver.received.length, aim.connections]).toEqual([1, 0]);
});

it('uses no proxy, whatever the environment says', async () => {
  const proxy = await answering();
  const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'ALL_PROXY'];
  for (const name of names) vi.stubEnv(name, `http://127.0.0.1:${proxy.port}`);
  vi.stubEnv('NODE_USE_ENV_PROXY', '1');
  vi.stubEnv('NO_PROXY', '');
  try {
    const receiver = await answering();
    expect(await senderTo(receiver).send()).toMatchObject({ status: 204 });
    expect([receiver.connections, proxy.connections]).toEqual([1, 0]);
  } finally {
    vi.unstubAllEnvs();
  }
});

it('uses a connection again', async () => {
  const receiver = await answering((response) => response.end('x'.repeat(60_000)));
  const { send } = senderTo(receiver);
  for (const _ of [1, 2, 3]) expect(await send()).toMatchObject({ status: 200 });
  expect(receiver).toMatchObject({ connections: 1, received: { length: 3 } });
});

it('opens no more connections to a receiver than the limit', async () => {
  const receiver = await answering();
  const { send } = senderTo(receiver, { connectionsMax: 3 });
  const answers = await Promise.all(Array.from({ length: 20 }, () => send()));
  expect(answers.every((answer) => answer.kind === 'answered')).toBe(true);
  expect(receiver.connections).toBeLessThanOrEqual(3);
});

const empty = 'HTTP/1.1 204 No Content\r\n\r\n';

it('costs no failed attempt when a receiver closes a kept connection just as it is used', async () => {
  const receiver = await raw((socket, number) => {
    socket.once('data', () => {
      socket.write(empty);
      // The first connection ends when its second request arrives.
      socket.on('data', () => (number === 1 ? socket.destroy() : socket.write(empty)));
    });
  });
  const { send } = senderTo(receiver);
  expect(await send()).toMatchObject({ status: 204 });
  expect(await send()).toMatchObject({ status: 204 });
  expect(receiver.connections).toBe(2);
});

it('tries only once more when a receiver closes every connection', async () => {
  const receiver = await raw((socket, number) => {
    socket.once('data', () => {
      if (number === 1) socket.write(empty, () => socket.once('data', () => socket.destroy()));
      else socket.destroy();
    });
  });
  const { send } = senderTo(receiver);
  expect(await send()).toMatchObject({ status: 204 });
  expect(await send()).toMatchObject({ kind: 'failed' });
  expect(receiver.connections).toBe(2);
  // A new connection that ends is a failure at once.
  expect(await send()).toMatchObject({ error: 'the request failed (ECONNRESET)' });
  expect(receiver.connections).toBe(3);
});

it('does not try again when a part of a response has arrived on a kept connection', async () => {
  const receiver = await raw((socket) => {
    socket.once('data', () => {
      socket.write(empty);
      socket.once('data', () => socket.end('HTTP/1.1 20'));
    });
  });
  const { send } = senderTo(receiver);
  expect(await send()).toMatchObject({ status: 204 });
  expect(await send()).toMatchObject({ kind: 'failed' });
  expect(receiver.connections).toBe(1);
});

const late = { kind: 'failed', error: 'there was no answer within 0.3 s', isForbidden: false };

it('fails after the limit of time when the name is not resolved', async () => {
  const receiver = await answering();
  const { send } = senderTo(receiver, { timeoutMs: 300 }, () => new Promise(() => undefined));
  expect(await send(never, `http://shop.example:${receiver.port}/`)).toEqual(late);
});

it.each(['http', 'https'])(
  'fails after the limit of time when a receiver accepts a connection by %s and says nothing',
  async (scheme) => {
    const receiver = await raw(() => undefined);
    const { send } = senderTo(receiver, { timeoutMs: 300 });
    expect(await send(never, `${scheme}://127.0.0.1:${receiver.port}/`)).toEqual(late);
  },
);

it('fails after the limit of time when the head of the response does not end', async () => {
  const receiver = await saying('HTTP/1.1 200 OK\r\nx-more: ');
  expect(await senderTo(receiver, { timeoutMs: 300 }).send()).toEqual(late);
});

it.each([
  ['stops', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'],
  [
    'is announced in parts that do not come',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n',
  ],
])('counts the status of a response whose body %s', async (_, text) => {
  const receiver = await saying(text);
  expect(await senderTo(receiver, { timeoutMs: 5_000 }).send()).toMatchObject({ status: 200 });
});

it('counts the status of a response whose body is larger than the limit, and reads no more', async () => {
  let closed = 0;
  const receiver = await answering((response) => {
    response.on('close', () => {
      closed += 1;
    });
    const write = () => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    };
    response.on('drain', write);
    write();
  });
  const { send } = senderTo(receiver);
  expect(await send()).toMatchObject({ kind: 'answered', status: 200 });
  await waitFor('the end of the connection', () => closed >= 1);
  expect(await send()).toMatchObject({ status: 200 });
  expect(receiver.connections).toBe(2);
});

it.each([
  ['headers of more than 64 KB', `HTTP/1.1 200 OK\r\nx-long: ${'x'.repeat(70_000)}\r\n\r\n`],
  ['100 kB that are not HTTP', '\0\xff garbage '.repeat(10_000)],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
  ['two different lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n'],
])('fails when a receiver sends %s, and quotes nothing of it', async (_, text) => {
  const answer = await senderTo(await saying(text)).send();
  expect(answer).toEqual({
    ...{ kind: 'failed', isForbidden: false },
    error: expect.stringMatching(/^the request failed \(HPE_\w+\)$/),
  });
});

it('accepts headers of 60 KB', async () => {
  const receiver = await saying(
    `HTTP/1.1 200 OK\r\nx-long: ${'x'.repeat(60_000)}\r\ncontent-length: 0\r\n\r\n`,
  );
  expect(await senderTo(receiver).send()).toMatchObject({ status: 200 });
});

it('fails when a receiver changes to another protocol', async () => {
  const head =
    'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';
  expect(await senderTo(await saying(head)).send()).toMatchObject({ kind: 'failed' });
});

it('waits for the final status after an interim one', async () => {
  const receiver = await saying(
    `HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${empty}`,
  );
  expect(await senderTo(receiver).send()).toMatchObject({ status: 204 });
});

it.each([
  ['7', 7],
  ['Sun, 06 Nov 1994 08:49:37 GMT', 0],
  ['a while', undefined],
])('returns a Retry-After of %j as %s seconds', async (text, seconds) => {
  const receiver = await answering((response) =>
    response.writeHead(503, { 'retry-after': text }).end(),
  );
  expect(await senderTo(receiver).send()).toEqual({
    ...{ kind: 'answered', status: 503, retryAfterSeconds: seconds },
  });
});

it('fails when nothing listens', async () => {
  const receiver = await startReceiver();
  await receiver.close();
  expect(await senderTo(receiver).send()).toMatchObject({
    error: 'the request failed (ECONNREFUSED)',
  });
});

it('ends a request when the caller gives it up, and begins none after that', async () => {
  const receiver = await raw(() => undefined);
  const { send } = senderTo(receiver);
  const stop = new AbortController();
  const sending = send(stop.signal);
  await waitFor('a connection', () => receiver.connections >= 1);
  stop.abort();
  expect(await sending).toMatchObject({ kind: 'failed' });
  expect(await send(stop.signal)).toMatchObject({ kind: 'failed' });
  expect(receiver.connections).toBe(1);
});

it('ends all connections and requests when it is closed, also those that wait for a connection', async () => {
  let open = 0;
  const receiver = await raw((socket, number) => {
    open += 1;
    socket.on('close', () => {
      open -= 1;
    });
    socket.once('data', () => (number === 1 ? socket.write(empty) : undefined)).resume();
  });
  const { send, close } = senderTo(receiver, { connectionsMax: 2 });
  expect(await send()).toMatchObject({ status: 204 });
  const sending = Array.from({ length: 5 }, () => send());
  await waitFor('the connections', () => open >= 2);
  close();
  for (const answer of await Promise.all(sending)) expect(answer.kind).toBe('failed');
  await waitFor('the end of the connections', () => open === 0);
  expect(await send()).toMatchObject({ kind: 'failed' });
  expect(receiver.connections).toBe(2);
});
